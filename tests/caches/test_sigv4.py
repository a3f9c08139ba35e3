"""AWS's signature, compared with AWS's own client library and its published example."""

import calendar
import time

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Theirs

from edgeward.caches.sigv4 import Credentials, Service, signed_headers

KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


@pytest.mark.parametrize("token", ["", "session/token+=="])
@pytest.mark.parametrize(("method", "body"), [("GET", b""), ("POST", b"<InvalidationBatch/>")])
@pytest.mark.parametrize(
    "url", ["https://cloudfront.amazonaws.com/2020-05-31/distribution/E1", "http://h:80/a b/%C3%A9~"]
)
def test_it_signs_like_aws(url: str, method: str, body: bytes, token: str) -> None:
    """The headers are those of botocore, for the time that it signed at."""
    request = AWSRequest(method, url, data=body)
    SigV4Auth(Theirs(*KEYS, token or None), "cloudfront", "us-east-1").add_auth(request)
    at = calendar.timegm(time.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
    service = Service("cloudfront", "us-east-1")
    # http's own port is left out of the Host header.
    ours = signed_headers(Credentials(*KEYS, token), service, method, url.replace(":80/", "/"), body, at)
    assert ours == {name.lower(): value for name, value in request.headers.items()}


def test_it_signs_the_published_example() -> None:
    """The case "get-vanilla" of AWS's test suite for this signature."""
    at = calendar.timegm(time.strptime("20150830T123600Z", "%Y%m%dT%H%M%SZ"))
    service = Service("service", "us-east-1")
    headers = signed_headers(Credentials(*KEYS), service, "GET", "https://example.amazonaws.com/", b"", at)
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )
