"""What address space is left is found out without a file, and without using any."""

from tests.isolation.cells import CONFINED, FREE, tried

HEADROOM = "__import__('edgeward.isolation.memory_headroom').isolation.memory_headroom"


def test_a_free_process_can_allocate() -> None:
    """Without a limit there is always more."""
    assert tried(f"{HEADROOM}.can_allocate(1 << 46)", FREE) == "True"


def test_headroom_is_what_the_limit_leaves() -> None:
    """Under a limit of 512 MiB, 256 more fit and 600 don't; what was allocated since counts."""
    limited = f"(resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20)), {HEADROOM})[1]"
    asked = "(held.can_allocate(256 << 20), held.can_allocate(600 << 20))"
    assert tried(asked, limited) == "(True, False)"
    assert tried(f"(taken := bytearray(400 << 20), {asked})[1]", limited) == "(False, False)"


def test_a_confined_process_may_ask() -> None:
    """It needs no file."""
    prepared = f"({HEADROOM}, {CONFINED})[0]"
    assert (
        tried("held.can_allocate(1 << 20), held.can_allocate(1 << 40), held.can_allocate(0)", prepared)
        == "(True, False, True)"
    )
