"""Pauses between two looks."""

from edgeward.background.polling import Polling


def test_pauses_grow_to_the_longest() -> None:
    """The first look comes soon, each pause is a quarter longer, and none is longer than allowed."""
    polling = Polling(0.004, 0.008)
    assert [round(polling.next_seconds(), 5) for _ in range(6)] == [0.004, 0.005, 0.00625, 0.00781, 0.008, 0.008]


def test_progress_makes_them_short_again() -> None:
    """After `reset` the next pause is the first again."""
    polling = Polling(0.001, 1.0)
    for _ in range(10):
        polling.next_seconds()
    polling.reset()
    assert polling.next_seconds() == 0.001


async def test_a_pause_ends() -> None:
    """A pause takes its time and the next one is longer."""
    polling = Polling(0.0001, 0.001)
    await polling.pause()
    assert polling.next_seconds() > 0.0001
