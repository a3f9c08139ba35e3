"""Waits of a disturbed run."""

import random
import time
from itertools import count

import pytest
from tests.disturb.waits import MAX_DELAY, late, late_async
from tests.support.eventually import eventually, until


def test_every_look_is_late_and_the_test_goes_on_late() -> None:
    """A wait that looks three times takes four delays, each of the seed."""
    choices = random.Random(7)
    delays = [choices.uniform(0, MAX_DELAY) for _ in range(4)]
    numbers = count(1)
    began = time.monotonic()
    late(until, random.Random(7))(lambda: next(numbers) == 3)
    assert next(numbers) == 4
    assert time.monotonic() - began >= sum(delays)


async def test_a_coroutine_waits_late_too() -> None:
    """Whether it looks itself or awaits what looks."""
    choices = random.Random(8)
    delays = [choices.uniform(0, MAX_DELAY) for _ in range(3)]
    numbers = count(1)

    async def second() -> bool:
        return next(numbers) == 2

    began = time.monotonic()
    await late_async(eventually, random.Random(8))(second)
    assert next(numbers) == 3
    assert time.monotonic() - began >= sum(delays)


def test_a_late_wait_fails_as_the_other_does() -> None:
    """What never holds fails the test, and is named."""
    with pytest.raises(AssertionError, match="the moon"):
        late(until, random.Random(1))(lambda: False, "the moon", seconds=0.1)
