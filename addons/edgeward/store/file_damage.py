"""What the embedded server says about its files, in its own words, and what to do.

The server writes to `state_dir`/store/server.log: why it ended, and what it did with a file that was cut short.
"""

import re
import shutil
from pathlib import Path

from edgeward.errors import StoreUnavailable
from edgeward.store import embedded

LEAST_FREE_BYTES = 64 * 1024
"""With less a server can't start."""
MAX_WORDS = 300
"""Characters of the server's words that are shown."""

_NO_REASON = re.compile(r"WARNING |oO0OoO|Redis version=|Valkey version=|Configuration loaded|Server initialized")
"""Lines of every start."""
_DAMAGED = re.compile(
    r"Bad file format|Unexpected end of file|Unrecoverable error reading|Short read or OOM|RDB (reading|CRC)|"
    r"(?i:aof manifest)|Unable to obtain the AOF|AOF .* doesn't exist|Wrong signature|loading the DB from disk",
)
_APPENDED = re.compile(r"appendonly\.aof\.\d+\.incr\.aof(?=:| |$)")
"""A file that can be cut behind its last whole command."""
_NEWER = re.compile(r"Can't handle RDB format version")
_CUT = re.compile(r"Truncating the (AOF|append)|loaded anyway because aof-load-truncated|Last \d+ bytes? of the AOF")


def end_of_server(state_dir: Path, pid: int) -> str:
    """Why the server with this process id ended, and what to do; "" if nothing is known about that."""
    lines = [line for line in _lines(state_dir, pid) if not _NO_REASON.match(line)]
    if not lines:
        return _full_disk(state_dir)
    told = [line for line in lines if _DAMAGED.search(line) or _NEWER.search(line)] or lines[-1:]
    words = f"it says: {'; '.join(told)[:MAX_WORDS]}"
    if any(map(_NEWER.search, told)):
        return f"{words}. Its data is of a newer server: install that version"
    if any(map(_DAMAGED.search, told)):
        return f"{words}. {_repair(state_dir, words)}"
    return words


def _full_disk(state_dir: Path) -> str:
    """A server on a full disk can't even write why it ended; "" if there is room."""
    try:
        free = shutil.disk_usage(state_dir).free
    except OSError:
        return ""
    return f"no space is left on the disk of {state_dir.absolute()}: make room there" if free < LEAST_FREE_BYTES else ""


def warning_of_start(state_dir: Path, pid: int) -> str:
    """What the server with this process id had to leave out of its data to start; "" if nothing."""
    lines = [line for line in _lines(state_dir, pid) if _CUT.search(line)]
    if not lines:
        return ""
    return (
        "its append-only file was cut short, and what was written last is lost (edgeward doctor compares the lists "
        f"with what this machine applied); it says: {'; '.join(lines)[:MAX_WORDS]}"
    )


def _lines(state_dir: Path, pid: int) -> list[str]:
    """The lines that this process wrote, without time and process id."""
    return [line[1] for line in embedded.logged_lines(state_dir) if line[0] == pid and line[1].strip()]


def _repair(state_dir: Path, words: str) -> str:
    data = state_dir.absolute() / "store"
    advice = f"Its files are damaged. Copy {data} first. Then restore a backup of it"
    # The one file, not the manifest: the tool of Valkey 9 does not know the snapshot that Valkey 9 writes.
    named = _APPENDED.search(words)
    if named is None:
        return advice
    command = _check_command(data / "appendonlydir" / named[0])
    return f"{advice}, or run in bash: {command} (what is behind the damage is lost)"


def _check_command(file: Path) -> str:
    """The command that repairs a file of the installed server: that of another may not know its format."""
    try:
        server = embedded.find_server()
    except StoreUnavailable:
        return f"redis-check-aof --fix {file}"
    name = server.name.replace("-server", "-check-aof")
    # Server and tool are one program, whose name decides what it does.
    tool = shutil.which(name)
    return f"{tool} --fix {file}" if tool else f"(exec -a {name} {server} --fix {file})"
