# SPDX-License-Identifier: GPL-3.0-or-later
"""Start-up until Django can be loaded: what may fail for reasons that a user can mend."""

from __future__ import annotations

import importlib
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import cast

import django

from debusine.client.listen import Listen
from debusine.client.local_server import DataDir, hold_data_dir, refuse_second_server
from debusine.errors import DebusineError, UserError
from debusine.standalone.logs import open_log
from debusine.standalone.options import Options, parse_options
from debusine.util.file_lock import FileLock

EXIT_COULD_NOT_START = 2

Run = Callable[[Options, FileLock, socket.socket], int]


def main(argv: Sequence[str]) -> int:
    """
    Run until told to stop.

    :returns: exit status: 0 after a clean end, 2 if it could not start
    """
    try:
        return _start(parse_options(argv))
    except DebusineError as error:
        print(f"Error: {error.explain()}", file=sys.stderr)  # noqa: T201  for people
        return EXIT_COULD_NOT_START


def _start(options: Options) -> int:
    # keys, files and logs are for the server's user only; the agent gets a mask of its own
    os.umask(0o077)
    refuse_second_server(options.data_dir)
    # before anything is made: a port in use must leave nothing behind
    with bind(options.listen) as listener:
        make_data_dir(options.data_dir)
        return _serve(options, listener)


def _serve(options: Options, listener: socket.socket) -> int:
    with hold_data_dir(options.data_dir) as lock:
        open_log(options.data_dir.log)
        os.environ["DEBUSINE_DATA_DIR"] = str(options.data_dir.root)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "debusine.site.settings")
        django.setup(set_prefix=False)
        # what uses rows can be imported only now
        run = cast("Run", importlib.import_module("debusine.standalone.run").run)
        return run(options, lock, listener)


def bind(listen: Listen) -> socket.socket:
    """
    Open the port.

    :raises UserError: if the address is taken, not ours, or not an address
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(1024)
            listener.setblocking(False)  # noqa: FBT003  takes no keyword
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        raise UserError(
            f"cannot listen on {listen.host} port {listen.port}: {error.strerror}",
            resolution="Choose another with --listen ADDRESS:PORT; port 0 takes a free one.",
        ) from error
    return listener


def make_data_dir(data_dir: DataDir) -> None:
    """
    Make it, unless it exists.

    :raises UserError: if that is not possible, or it belongs to something else
    """
    try:
        data_dir.require_own()
        data_dir.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        data_dir.worker.mkdir(exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make the data directory {data_dir.root}: {error.strerror}",
            resolution="Name another with --data-dir.",
        ) from error
