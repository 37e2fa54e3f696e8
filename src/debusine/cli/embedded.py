# SPDX-License-Identifier: GPL-3.0-or-later
"""A server for as long as somebody uses it: shared if one runs, else started."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from debusine.client.config import ServerConfig, read_client_config
from debusine.client.local_server import SERVER_NAME, DataDir, Holder, find_holder, parse_holder
from debusine.errors import NotPossibleError, UserError
from debusine.util.file_lock import FileLock, wait_lock

# a first start makes the database; a slow disk may need its time
START_TIMEOUT_S = 60.0
# a server that is ending keeps newcomers waiting until it has gone
ENDING_TIMEOUT_S = 30.0
LOG_LINES_SHOWN = 20
POLL_S = 0.1


@contextlib.contextmanager
def ensure_server(
    data_dir: DataDir,
    *,
    options: Sequence[str] = (),
    timeout_s: float = START_TIMEOUT_S,
) -> Iterator[ServerConfig]:
    """
    Use the server of a data directory, starting one if none runs.

    A server that was started here ends by itself soon after its last user has gone,
    even if that user was killed.

    :param data_dir: made if it does not exist
    :param options: further options for a server that has to be started
    :returns: how to act on it as its administrator
    :raises NotPossibleError: if it does not start; shows the end of its log
    :raises UserError: if the data directory cannot be used
    """
    with _used(data_dir):
        _find_or_start(data_dir, options, time.monotonic() + timeout_s)
        yield read_client_config(data_dir.client_config).select(SERVER_NAME)


def _used(data_dir: DataDir) -> FileLock:
    """Tell a server on a data directory, now or later, that it is in use."""
    try:
        data_dir.require_own()
        data_dir.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        return wait_lock(data_dir.in_use, shared=True, timeout_s=ENDING_TIMEOUT_S)
    except TimeoutError as error:
        raise NotPossibleError(
            f"the server of {data_dir.root} is stopping and does not come to an end",
            details=_tail(data_dir),
        ) from error
    except OSError as error:
        raise UserError(
            f"cannot use the data directory {data_dir.root}: {error.strerror}",
            resolution="Name another with --data-dir.",
        ) from error


def _find_or_start(data_dir: DataDir, options: Sequence[str], deadline: float) -> Holder:
    """Return the server that runs, once it answers; start one if there is none."""
    while True:
        holder = find_holder(data_dir)
        if holder is None:
            started = _start(data_dir, options, deadline)
            if started is not None:
                return started
            # somebody else was faster
        elif holder.url:
            return holder
        if time.monotonic() > deadline:
            raise _failure(data_dir, f"the server of {data_dir.root} does not answer")
        time.sleep(POLL_S)


def _start(data_dir: DataDir, options: Sequence[str], deadline: float) -> Holder | None:
    """
    Start a server and wait until it answers.

    :returns: None if it found the data directory taken meanwhile
    :raises NotPossibleError: if it ends or does not answer in time
    """
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb") as ready, data_dir.log.open("ab") as log:
        try:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "debusine.standalone",
                    "--data-dir", str(data_dir.root),
                    "--listen", "127.0.0.1:0",
                    "--ready-fd", str(write_end),
                    "--while-used", str(data_dir.in_use),
                    *options,
                ],
                pass_fds=[write_end],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                # it is shared: Ctrl-C in one terminal must not end it for others
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(write_end)
        holder = parse_holder(_read_line(ready.fileno(), deadline))
    if holder is not None:
        # it is nobody's child from now on; it ends when it is not used any more
        process.returncode = 0
        return holder
    if process.poll() is None:
        process.terminate()
    process.wait()
    if find_holder(data_dir) is not None:
        return None
    raise _failure(data_dir, "the embedded server did not start")


def _read_line(descriptor: int, deadline: float) -> str:
    """Read a line; what has come when time is over, or the other end closes, has to do."""
    data = b""
    while not data.endswith(b"\n"):
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([descriptor], [], [], remaining)[0]:
            break
        piece = os.read(descriptor, 4096)
        if not piece:
            break
        data += piece
    return data.decode()


def _failure(data_dir: DataDir, brief: str) -> NotPossibleError:
    return NotPossibleError(
        brief,
        details=_tail(data_dir),
        resolution=f"The whole log is in {data_dir.log}; `debusine doctor` checks this machine.",
    )


def _tail(data_dir: DataDir) -> str:
    """Return the last lines of the server's log."""
    try:
        lines = data_dir.log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LOG_LINES_SHOWN:])
