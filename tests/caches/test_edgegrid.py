"""Akamai's signature, compared with Akamai's own client."""

import calendar
import re
import time

import pytest
from akamai.edgegrid import EdgeGridAuth
from requests import Request

from edgeward.caches.edgegrid import Credentials, authorization

CREDENTIALS = Credentials("akab-client-token", "SOMESECRET/with+signs=", "akab-access-token")
AT = calendar.timegm(time.strptime("20140321T19:34:21", "%Y%m%dT%H:%M:%S"))
NONCE = "nonce-xx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"


@pytest.mark.parametrize("body", [b'{"objects":["https://img.test/p"]}', b"", b"x" * 50_000])
@pytest.mark.parametrize(
    "url",
    [
        "https://akab-xxxx.purge.akamaiapis.net/ccu/v3/delete/url/production",
        "https://akab-xxxx.purge.akamaiapis.net/ccu/v3/delete/tag/staging?accountSwitchKey=1-2AB",
        "http://127.0.0.1:8080/",
    ],
)
def test_it_signs_like_akamai(url: str, body: bytes) -> None:
    """The header is the same as that of Akamai's own library, for the same time and nonce."""
    theirs = EdgeGridAuth(CREDENTIALS.client_token, CREDENTIALS.client_secret, CREDENTIALS.access_token)
    request = Request("POST", url).prepare()
    request.body = body
    expected = theirs.ah.make_auth_header(request, "20140321T19:34:21+0000", NONCE)
    assert authorization(CREDENTIALS, url, body, AT, NONCE) == expected


def test_no_two_signatures_are_equal() -> None:
    """Each call has a nonce of its own, and the time of the call."""
    made = {authorization(CREDENTIALS, "https://a.test/", b"x", AT) for _ in range(10)}
    assert len(made) == 10
    began = int(time.time())
    stamp = re.search(r"timestamp=([^;]+)\+0000;", authorization(CREDENTIALS, "https://a.test/", b"x"))
    assert stamp
    assert began <= calendar.timegm(time.strptime(stamp[1], "%Y%m%dT%H:%M:%S")) <= time.time()
