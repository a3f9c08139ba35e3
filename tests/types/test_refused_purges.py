"""What becomes of a refused purge, in words."""

import pytest

from edgeward.types import Delivery
from edgeward.types.refused_purges import REFUSED_RETRY_SECONDS, RETRIED, with_what_is_next


@pytest.mark.parametrize("delivery", list(Delivery))
def test_only_a_refusal_says_that_it_is_retried(delivery: Delivery) -> None:
    """With or without an answer of the cache; what is done or waits says nothing of it."""
    refused = delivery is Delivery.REFUSED
    assert with_what_is_next(delivery, "status 403") == (f"status 403; {RETRIED}" if refused else "status 403")
    assert with_what_is_next(delivery, "") == (RETRIED if refused else "")


def test_the_words_are_those_of_the_code() -> None:
    """The pause is a constant."""
    assert f"{REFUSED_RETRY_SECONDS / 60:g} minutes" in RETRIED
