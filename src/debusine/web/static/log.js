// SPDX-License-Identifier: GPL-3.0-or-later
// Appends what is written to a log while its page is open; the page is complete without it.
"use strict";

(() => {
  const log = document.getElementById("log");
  const state = document.getElementById("log-state");
  if (!log) return;
  log.scrollTop = log.scrollHeight;
  if (!("live" in log.dataset)) return;

  let offset = Number(log.dataset.offset);
  const attempt = Number(log.dataset.attempt) || null;
  let pause = 500;
  let ended = false;
  let rest = "";

  // What steers terminals is left out, as debusine.util.terminal does for what came before;
  // what may be the beginning of it waits for the next piece.
  const STEERING =
    /\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?<=>!]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
  const UNFINISHED = /(?:\r|\x1b(?:\][^\x07\x1b]{0,200}|\[[0-9;?<=>!]{0,40}[ -/]{0,4}|[ -/]{0,4})?)$/;
  const tame = (text) => {
    const all = rest + text;
    rest = UNFINISHED.exec(all)?.[0] ?? "";
    return all
      .slice(0, all.length - rest.length)
      .replace(/\r\n?/g, "\n")
      .replace(STEERING, "");
  };

  const append = (frame) => {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (frame.attempt !== attempt) {
      // it has begun, or begun again: state and attempts are not those on the page
      ended = true;
      location.reload();
      return;
    }
    offset = frame.offset + frame.length;
    const piece = document.createElement("span");
    piece.className = frame.stream;
    piece.textContent = tame(frame.data);
    log.append(piece);
    if (atEnd) log.scrollTop = log.scrollHeight;
  };

  const connect = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${log.dataset.socket}?offset=${offset}`);
    socket.onmessage = (message) => {
      const frame = JSON.parse(message.data);
      if (frame.type === "connected") {
        state.textContent = "Following the log.";
        pause = 500;
      } else if (frame.type === "log_data") {
        append(frame);
      } else if (frame.type === "log_data_end") {
        ended = true;
        location.reload();
      } else if (frame.type === "connection_rejected") {
        ended = true;
        state.textContent = `The log cannot be followed: ${frame.reason}`;
      }
    };
    socket.onclose = () => {
      if (ended) return;
      state.textContent = "The connection is lost; trying again.";
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, 10000);
    };
  };

  if ("WebSocket" in window) {
    connect();
  } else {
    setTimeout(() => location.reload(), 5000);
  }
})();
