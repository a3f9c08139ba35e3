"""A confined process has only its socket. Each way out is tried in a confined process and in a free one."""

import pytest
from tests.isolation.cells import FREE, KILLED, MYSELF, REFUSED, tried

from edgeward.isolation.protocol import LAYERS

READS = 'call("open", b"/etc/passwd", os.O_RDONLY) > 0'
WRITES = 'call("open", b"/tmp", os.O_TMPFILE | os.O_RDWR, 0o600) > 0'
LISTS = 'call("open", b"/", os.O_DIRECTORY) > 0'
CONNECTS = "socket.socket(socket.AF_INET, socket.SOCK_STREAM) and True"
FORKS = "(os.fork() or os._exit(0)) > 0"
RUNS = 'call("execv", b"/bin/true", (ctypes.c_char_p * 2)(b"true", None))'
TRACES = f'call("ptrace", 0x4206, {MYSELF}, 0, 0)'
SIGNALS = f"os.kill({MYSELF}, 0) is None"
PEEKS = (
    "(there := ctypes.create_string_buffer(8),"
    ' part := (ctypes.c_uint64 * 2)(ctypes.addressof(there), 8), call("process_vm_readv", os.getpid(), part, 1, part,'
    " 1, 0))[-1] == 8"
)
MAKES_CODE = "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC) and True"
CHANGES_USER = "os.setresuid(-1, -1, -1) is None"
DUPLICATES = "os.dup(1) > 0"
HIDES_FILES = 'call("memfd_create", b"hidden", 0) > 0'
LIMITS = "resource.setrlimit(resource.RLIMIT_NOFILE, (9, resource.getrlimit(resource.RLIMIT_NOFILE)[1])) is None"


@pytest.mark.parametrize(
    ("attempt", "outcome"),
    [
        pytest.param(READS, REFUSED, id="reads a file"),
        pytest.param(WRITES, REFUSED, id="writes a file"),
        pytest.param(LISTS, REFUSED, id="lists a directory"),
        pytest.param(CONNECTS, KILLED, id="opens a socket"),
        pytest.param(FORKS, KILLED, id="forks"),
        pytest.param(SIGNALS, KILLED, id="signals its parent"),
        pytest.param(PEEKS, KILLED, id="reads a process's memory"),
        pytest.param(MAKES_CODE, KILLED, id="makes code"),
        pytest.param(CHANGES_USER, KILLED, id="changes its user"),
        pytest.param(HIDES_FILES, KILLED, id="makes a file in memory"),
        pytest.param(DUPLICATES, REFUSED, id="duplicates a descriptor"),
        pytest.param(LIMITS, REFUSED, id="raises a limit"),
        pytest.param("mmap.mmap(-1, 2 << 30) and True", "ENOMEM", id="takes 2 GiB"),
        pytest.param('"SECRET" in os.environ', "False", id="reads the environment"),
        pytest.param('call("prctl", 4, 1, 0, 0, 0) == 0', REFUSED, id="dumps core"),
    ],
)
def test_every_way_out_is_closed(attempt: str, outcome: str) -> None:
    """A call that works in a free process fails in a confined one, or kills it."""
    assert tried(attempt) == outcome
    assert tried(attempt, FREE) == "True"


@pytest.mark.parametrize(
    ("attempt", "free"),
    [pytest.param(RUNS, "", id="runs a program"), pytest.param(TRACES, "0", id="traces its parent")],
)
def test_ways_out_that_kill_the_process(attempt: str, free: str) -> None:
    """Running a program, or tracing one, kills it."""
    assert tried(attempt) == KILLED
    assert tried(attempt, FREE) in (free, "EPERM")


def test_output_goes_nowhere() -> None:
    """Megabytes of output reach neither a disk nor a log."""
    assert tried('[os.write(1, bytes(65536)) for _ in range(999)] and os.write(2, b"x")') == "1"
    assert tried('os.write(1, b"x")', FREE) == "status 0, printed 1"


def test_what_decoding_needs_is_left() -> None:
    """Memory, threads, clocks and random numbers work."""
    thread = "(t := threading.Thread(target=bytearray, args=(1 << 24,)), t.start(), t.join())"
    assert tried(f"({thread}, time.sleep(0.01), len(os.urandom(8)), len(bytearray(1 << 26)))[-1]") == str(1 << 26)


def test_the_layers_that_hold_are_named() -> None:
    """On a machine that has all layers, all are returned, in the order of LAYERS."""
    assert tried("held") == str(LAYERS)


def test_a_late_import_is_the_end() -> None:
    """A module that was not loaded in time must not make a picture look undecodable."""
    assert tried("__import__('colorsys')") == tried("open('/dev/null')") == "status 70, printed 0"


def test_an_encoding_that_is_not_loaded_is_unknown() -> None:
    """Text may name any encoding: looking for its module does not count as a late import, and finds nothing."""
    assert tried("str(b'x', 'no such')") == tried("str(b'x', 'cp1253')") == "LookupError"
    assert tried("str(b'x', 'cp1253')", FREE) == "x"
