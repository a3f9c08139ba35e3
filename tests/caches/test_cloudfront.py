"""CloudFront's invalidations, compared with AWS's own client."""

import calendar
import re
import time
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from tests.caches.cdn_server import ApiRequest, cdn_driver, deliveries, response
from tests.caches.orders import https_order, prefix_order, tag_order

from edgeward.caches.cloudfront import MAX_PATH_CHARS
from edgeward.caches.sigv4 import Credentials, Service, signed_headers
from edgeward.types import Delivery

pytestmark = pytest.mark.usefixtures("short_poll_pauses")

SETTINGS = {
    "driver": "cloudfront",
    "distribution": "E2QWRUHAPOMQZL",
    "access_key": "AKIDEXAMPLE",
    "secret_key": "s3cret-key",
    "session_token": "s3ssion",
    "tags": True,
}
PATH = "/2020-05-31/distribution/E2QWRUHAPOMQZL/invalidation"
XMLNS = 'xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"'


def xml(status: int, text: str) -> bytes:
    return response(status, f'<?xml version="1.0"?>\n{text}'.encode())


def invalidation(status: str, http: int = 201) -> bytes:
    return xml(http, f"<Invalidation {XMLNS}><Id>I2J0I21PCUYOIK</Id><Status>{status}</Status></Invalidation>")


def error(http: int, code: str, message: str = "because") -> bytes:
    inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return xml(http, f"<ErrorResponse {XMLNS}>{inner}<RequestId>1</RequestId></ErrorResponse>")


def completed(request: ApiRequest) -> bytes:
    return invalidation("InProgress") if request.method == "POST" else invalidation("Completed", 200)


def paths(request: ApiRequest) -> list[str]:
    return re.findall("<Path>(.*?)</Path>", request.body.decode())


def reference(request: ApiRequest) -> str:
    found = re.search("<CallerReference>(.*?)</CallerReference>", request.body.decode())
    assert found
    return found[1]


class Aws:
    """AWS's client, with a canned response in place of the network."""

    def __init__(self, answer: bytes) -> None:
        head, _, self.body = answer.partition(b"\r\n\r\n")
        self.status, self.requests = int(head.split()[1]), []
        session = botocore.session.get_session()
        session.set_credentials("AKIDEXAMPLE", "s3cret-key")
        self.client = session.create_client("cloudfront", region_name="us-east-1")
        self.client.meta.events.register("before-send.cloudfront", self._send)

    def _send(self, request: Any, **_: object) -> AWSResponse:
        self.requests.append(request)
        return AWSResponse(request.url, self.status, {"content-type": "text/xml"}, self)

    def stream(self) -> list[bytes]:
        return [self.body]


async def test_requests_equal_those_of_aws() -> None:
    """Method, path and body equal those of AWS's client, which also understands the responses of our server."""
    async with cdn_driver(SETTINGS, completed) as (driver, server):
        await driver.purge([https_order("/a&b'?x=1"), https_order("/c")])
    ours = server.requests[0]
    aws = Aws(invalidation("InProgress"))
    batch = {"Paths": {"Quantity": 3, "Items": paths(ours)}, "CallerReference": reference(ours)}
    batch["Paths"]["Items"][:2] = ["/a&b'?x=1", "/a&b'"]
    answer = aws.client.create_invalidation(DistributionId=SETTINGS["distribution"], InvalidationBatch=batch)
    assert answer["Invalidation"] == {"Id": "I2J0I21PCUYOIK", "Status": "InProgress"}
    (theirs,) = aws.requests
    assert (ours.method, f"https://cloudfront.amazonaws.com{ours.target}") == (theirs.method, theirs.url)
    assert ours.body == theirs.body


async def test_it_polls_until_completed() -> None:
    """The invalidation is polled until it is completed, at the URL that AWS's client uses."""
    states = iter([invalidation("InProgress"), invalidation("InProgress", 200), invalidation("Completed", 200)])
    async with cdn_driver(SETTINGS, lambda _: next(states)) as (driver, server):
        (purged,) = await driver.purge([https_order()])
    assert (purged.delivery, purged.detail) == (Delivery.DELIVERED, "completed")
    assert [request.method for request in server.requests] == ["POST", "GET", "GET"]
    theirs = Aws(invalidation("Completed", 200))
    theirs.client.get_invalidation(DistributionId=SETTINGS["distribution"], Id="I2J0I21PCUYOIK")
    assert f"https://cloudfront.amazonaws.com{server.requests[2].target}" == theirs.requests[0].url


@pytest.mark.parametrize("poll", [invalidation("InProgress", 200), error(503, "ServiceUnavailable"), b"junk\r\n\r\n"])
async def test_an_accepted_purge_stays_accepted(poll: bytes) -> None:
    """An invalidation that does not complete in time, or cannot be polled, is delivered all the same."""
    answers = {"POST": invalidation("InProgress"), "GET": poll}
    async with cdn_driver(SETTINGS, lambda request: answers[request.method]) as (driver, _):
        # Only polling ends after this time; each call may take longer.
        driver.poll_seconds = 0.1
        (purged,) = await driver.purge([https_order()])
    assert (purged.delivery, purged.detail) == (Delivery.DELIVERED, "accepted")


async def test_calls_are_signed() -> None:
    """The signature of every call fits what was sent, the session token included."""
    async with cdn_driver(SETTINGS, completed) as (driver, server):
        await driver.purge([https_order()])
    credentials = Credentials("AKIDEXAMPLE", "s3cret-key", "s3ssion")
    for request in server.requests:
        at = calendar.timegm(time.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))
        assert abs(at - time.time()) < 60
        url = f"http://{request.headers['host']}{request.target}"
        signed = signed_headers(credentials, Service("cloudfront", "us-east-1"), request.method, url, request.body, at)
        assert signed.items() <= request.headers.items()


async def test_paths_have_no_host_and_unsafe_characters_are_encoded() -> None:
    """Hosts of a distribution share a path; a `*` stays as it is, with `%2A` nothing would be purged; the path is sent
    without its query too, which may be no part of the key; the XML stays well-formed."""
    orders = [
        https_order('/a*b~[1]\xe9 "<?x=*&y'),
        https_order("/c", "a.test"),
        https_order("/c", "b.test"),
        https_order("/%2f&lt;"),
    ]
    async with cdn_driver(SETTINGS, completed) as (driver, server):
        purged = await driver.purge(orders)
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    star = "/a*b%7E%5B1%5D%E9%20%22%3C"
    assert paths(server.requests[0]) == [f"{star}?x=*&amp;y", star, "/c", "/%2f&amp;lt;"]
    assert "<Quantity>4</Quantity>" in server.requests[0].body.decode()


async def test_a_star_at_the_end_is_a_wildcard() -> None:
    """It stands for itself too. Such paths are sent apart, fifteen in a call; outcomes keep their order."""

    def refuse_exact(request: ApiRequest) -> bytes:
        exact = request.method == "POST" and paths(request) == ["/exact"]
        return error(400, "InvalidArgument") if exact else completed(request)

    orders = [*(https_order(f"/{number}*") for number in range(20)), https_order("/exact"), https_order("/x?*")]
    async with cdn_driver(SETTINGS, refuse_exact) as (driver, server):
        purged = await driver.purge(orders)
    assert deliveries(purged) == [Delivery.DELIVERED] * 20 + [Delivery.REFUSED, Delivery.DELIVERED]
    posted = [paths(request) for request in server.requests if request.method == "POST"]
    assert posted[0] == ["/exact"]
    assert [path for call in posted[1:] for path in call] == [*(f"/{number}*" for number in range(20)), "/x?*", "/x"]
    assert max(len(call) for call in posted) <= 15


async def test_a_path_that_is_too_long_becomes_a_wildcard() -> None:
    """A path that is too long is purged by a wildcard, never cut inside a percent-encoded byte."""
    async with cdn_driver(SETTINGS, completed) as (driver, server):
        await driver.purge([https_order("/" + "\xe9" * 3000)])
    (path,) = paths(server.requests[0])
    assert MAX_PATH_CHARS - 3 < len(path) <= MAX_PATH_CHARS
    assert re.fullmatch(r"/(%E9)+\*", path)


async def test_prefixes_and_tags() -> None:
    """A prefix is a path with a wildcard, fifteen in a call at most; a tag is an item with `#`."""
    async with cdn_driver(SETTINGS, completed) as (driver, server):
        await driver.purge([*(prefix_order(f"/{number}/") for number in range(20)), tag_order("ew-1")])
    posted = [paths(request) for request in server.requests if request.method == "POST"]
    assert [len(one) for one in posted] == [15, 5, 1]
    assert posted[0][0] == "/0/*"
    assert posted[2] == ["#ew-1"]


async def test_a_lost_call_is_repeated_with_the_same_reference() -> None:
    """A call without a response is made again with the same reference, a later purge with another: CloudFront makes no
    second invalidation for the same reference."""
    answers = iter([error(503, "ServiceUnavailable"), invalidation("InProgress"), invalidation("InProgress")])
    async with cdn_driver(
        SETTINGS, lambda request: next(answers) if request.method == "POST" else completed(request)
    ) as both:
        driver, server = both
        outcomes = [deliveries(await driver.purge([https_order()])) for _ in range(3)]
    assert outcomes == [[Delivery.WAITING], [Delivery.DELIVERED], [Delivery.DELIVERED]]
    lost, again, later = [reference(request) for request in server.requests if request.method == "POST"]
    assert lost == again != later


@pytest.mark.parametrize(
    ("reply", "delivery", "names"),
    [
        (error(400, "TooManyInvalidationsInProgress"), Delivery.WAITING, "TooMany"),
        (error(400, "Throttling", "Rate exceeded"), Delivery.WAITING, "Rate exceeded"),
        (error(403, "SignatureDoesNotMatch", "s3cret-key is wrong"), Delivery.REFUSED, "secret_key"),
        (error(403, "AccessDenied"), Delivery.REFUSED, "access_key"),
        (error(404, "NoSuchDistribution"), Delivery.REFUSED, "distribution"),
        (error(400, "InvalidArgument", "a &lt;path&gt;"), Delivery.REFUSED, "a <path>"),
        (xml(200, "<html/>"), Delivery.WAITING, "url"),
        (response(201, b""), Delivery.WAITING, "url"),
    ],
)
async def test_other_responses(reply: bytes, delivery: Delivery, names: str) -> None:
    """Busy codes wait although their status is 400; a refusal names its code and what to fix, and no secret."""
    async with cdn_driver(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([https_order()])
    assert purged.delivery is delivery
    assert names in purged.detail
    assert "s3cret-key" not in purged.detail
