"""One request that is sent again."""

import time

from edgeward.proxy.unjudged_request import UnjudgedRequest


def test_it_knows_its_host_and_its_time() -> None:
    """The host as it was requested; it is given up after its seconds."""
    before = time.monotonic()
    request = UnjudgedRequest(b"http\r\n/a\r\nhost: Img.test:80", [7], 30.0)
    assert (request.host, request.numbers, request.tries) == ("Img.test:80", [7], 0)
    assert before + 30.0 <= request.give_up_at <= time.monotonic() + 30.0
    assert 0.0 <= request.age() <= time.monotonic() - before
