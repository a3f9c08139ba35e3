"""Whether address space is left is told without a file, and without taking any."""

from tests.isolation.cells import CONFINED, FREE, tried

ROOM = "__import__('edgeward.isolation.room').isolation.room"


def test_a_free_process_has_room() -> None:
    """Without a limit there is always room."""
    assert tried(f"{ROOM}.has_room(1 << 46)", FREE) == "True"


def test_room_is_what_the_limit_leaves() -> None:
    """Under a limit of 512 MiB there is room for 256 more, not for 600, and what was taken since counts."""
    limited = (
        "(resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20)), __import__('edgeward.isolation.room'))[1]"
    )
    asked = "(held.isolation.room.has_room(256 << 20), held.isolation.room.has_room(600 << 20))"
    assert tried(asked, limited) == "(True, False)"
    assert tried(f"(taken := bytearray(400 << 20), {asked})[1]", limited) == "(False, False)"


def test_a_confined_process_may_ask() -> None:
    """It takes no file."""
    prepared = f"({ROOM}, {CONFINED})[0]"
    assert tried("held.has_room(1 << 20), held.has_room(1 << 40), held.has_room(0)", prepared) == "(True, False, True)"
