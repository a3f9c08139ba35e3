"""What a request that nobody has answered means, by placement and kinds of caches."""

from typing import Any

import pytest

from edgeward.proxy.unanswered import Unanswered, unanswered_in
from edgeward.settings.config import Config


def cache(driver: str) -> dict[str, Any]:
    return {"name": driver, "driver": driver, "url": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("placement", "drivers", "meaning"),
    [
        ("fill", ["varnish", "nginx"], Unanswered.NEVER_STORED),
        ("front", ["varnish", "trafficserver"], Unanswered.PURGE_WAITS),
        ("front", ["varnish", "nginx"], Unanswered.ASKED_AGAIN),
        ("front", ["squid"], Unanswered.ASKED_AGAIN),
    ],
)
def test_what_it_means(placement: str, drivers: list[str], meaning: Unanswered) -> None:
    """In front one cache where a purge does not wait decides: it may be the one that has the request."""
    settings = {"proxy": {"placement": placement}, "caches": [cache(driver) for driver in drivers]}
    assert unanswered_in(Config.model_validate(settings)) is meaning
