"""CloudFront's invalidations. AWS's own client is the measure of requests and answers."""

import calendar
import re
import time
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from tests.takedown.caches.fakes import Asked, below, deliveries, driven, order, said, tagged

from edgeward.takedown.caches.cloudfront import MAX_PATH
from edgeward.takedown.caches.sigv4 import Credentials, Service, signed_headers
from edgeward.types import Delivery

pytestmark = pytest.mark.usefixtures("quick_polls")

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
    return said(status, f'<?xml version="1.0"?>\n{text}'.encode())


def invalidation(status: str, http: int = 201) -> bytes:
    return xml(http, f"<Invalidation {XMLNS}><Id>I2J0I21PCUYOIK</Id><Status>{status}</Status></Invalidation>")


def error(http: int, code: str, message: str = "because") -> bytes:
    inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return xml(http, f"<ErrorResponse {XMLNS}>{inner}<RequestId>1</RequestId></ErrorResponse>")


def completed(asked: Asked) -> bytes:
    return invalidation("InProgress") if asked.method == "POST" else invalidation("Completed", 200)


def paths(asked: Asked) -> list[str]:
    return re.findall("<Path>(.*?)</Path>", asked.body.decode())


def reference(asked: Asked) -> str:
    found = re.search("<CallerReference>(.*?)</CallerReference>", asked.body.decode())
    assert found
    return found[1]


class Aws:
    """AWS's client, with an answer in place of the network."""

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


async def test_it_asks_as_aws_does() -> None:
    """Method, path and body are byte for byte those of AWS's client, which also understands our server's answers."""
    async with driven(SETTINGS, completed) as (driver, server):
        await driver.purge([order("/a&b'?x=1"), order("/c")])
    asked = server.asked[0]
    theirs = Aws(invalidation("InProgress"))
    batch = {"Paths": {"Quantity": 2, "Items": paths(asked)}, "CallerReference": reference(asked)}
    batch["Paths"]["Items"][0] = "/a&b'?x=1"
    answer = theirs.client.create_invalidation(DistributionId=SETTINGS["distribution"], InvalidationBatch=batch)
    assert answer["Invalidation"] == {"Id": "I2J0I21PCUYOIK", "Status": "InProgress"}
    (request,) = theirs.requests
    assert (asked.method, f"https://cloudfront.amazonaws.com{asked.target}") == (request.method, request.url)
    assert asked.body == request.body


async def test_it_polls_as_aws_does_until_completed() -> None:
    """The invalidation is asked for until it is completed, under the address that AWS's client asks."""
    states = iter([invalidation("InProgress"), invalidation("InProgress", 200), invalidation("Completed", 200)])
    async with driven(SETTINGS, lambda _: next(states)) as (driver, server):
        (purged,) = await driver.purge([order()])
    assert (purged.delivery, purged.detail) == (Delivery.DELIVERED, "completed")
    assert [asked.method for asked in server.asked] == ["POST", "GET", "GET"]
    theirs = Aws(invalidation("Completed", 200))
    theirs.client.get_invalidation(DistributionId=SETTINGS["distribution"], Id="I2J0I21PCUYOIK")
    assert f"https://cloudfront.amazonaws.com{server.asked[2].target}" == theirs.requests[0].url


@pytest.mark.parametrize("poll", [invalidation("InProgress", 200), error(503, "ServiceUnavailable"), b"junk\r\n\r\n"])
async def test_accepted_it_stays(poll: bytes) -> None:
    """One that does not complete in time, or can't be asked for, is delivered all the same."""
    answers = {"POST": invalidation("InProgress"), "GET": poll}
    async with driven(SETTINGS, lambda asked: answers[asked.method]) as (driver, _):
        # How long it is asked whether it is complete; each call may take longer.
        driver._timeout = 0.1
        (purged,) = await driver.purge([order()])
    assert (purged.delivery, purged.detail) == (Delivery.DELIVERED, "accepted")


async def test_calls_are_signed() -> None:
    """Every call is signed as it was sent, the session's token included."""
    async with driven(SETTINGS, completed) as (driver, server):
        await driver.purge([order()])
    credentials = Credentials("AKIDEXAMPLE", "s3cret-key", "s3ssion")
    for asked in server.asked:
        at = calendar.timegm(time.strptime(asked.headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))
        assert abs(at - time.time()) < 60
        url = f"http://{asked.headers['host']}{asked.target}"
        signed = signed_headers(credentials, Service("cloudfront", "us-east-1"), asked.method, url, asked.body, at)
        assert signed.items() <= asked.headers.items()


async def test_paths_have_no_host_and_unsafe_characters_are_encoded() -> None:
    """Hosts of a distribution share a path; a literal `*` is no wildcard; XML is not broken."""
    orders = [order('/a*b~[1]\xe9 "<?x=*'), order("/c", "a.test"), order("/c", "b.test"), order("/%2f&lt;")]
    async with driven(SETTINGS, completed) as (driver, server):
        purged = await driver.purge(orders)
    assert set(deliveries(purged)) == {Delivery.DELIVERED}
    assert paths(server.asked[0]) == ["/a%2Ab%7E%5B1%5D%E9%20%22%3C?x=%2A", "/c", "/%2f&amp;lt;"]
    assert "<Quantity>3</Quantity>" in server.asked[0].body.decode()


async def test_a_path_that_is_too_long_goes_with_its_beginning() -> None:
    """Where a path can't be named a wildcard takes it, never cut within an escape."""
    async with driven(SETTINGS, completed) as (driver, server):
        await driver.purge([order("/" + "\xe9" * 3000)])
    (path,) = paths(server.asked[0])
    assert MAX_PATH - 3 < len(path) <= MAX_PATH
    assert re.fullmatch(r"/(%E9)+\*", path)


async def test_prefixes_and_tags() -> None:
    """A prefix is a path with a wildcard, fifteen in a call at most; a tag is an item with `#`."""
    async with driven(SETTINGS, completed) as (driver, server):
        await driver.purge([*(below(f"/{number}/") for number in range(20)), tagged("ew-1")])
    posted = [paths(asked) for asked in server.asked if asked.method == "POST"]
    assert [len(one) for one in posted] == [15, 5, 1]
    assert posted[0][0] == "/0/*"
    assert posted[2] == ["#ew-1"]


async def test_a_lost_answer_is_asked_again_under_the_same_name() -> None:
    """A call that got no answer has the same reference when it is made again, a repeat another: CloudFront makes no
    second invalidation of the same reference."""
    answers = iter([error(503, "ServiceUnavailable"), invalidation("InProgress"), invalidation("InProgress")])
    async with driven(SETTINGS, lambda asked: next(answers) if asked.method == "POST" else completed(asked)) as both:
        driver, server = both
        outcomes = [deliveries(await driver.purge([order()])) for _ in range(3)]
    assert outcomes == [[Delivery.WAITING], [Delivery.DELIVERED], [Delivery.DELIVERED]]
    lost, again, later = [reference(asked) for asked in server.asked if asked.method == "POST"]
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
        (said(201, b""), Delivery.WAITING, "url"),
    ],
)
async def test_other_answers(reply: bytes, delivery: Delivery, names: str) -> None:
    """What says "later" waits though its status is 400; a refusal names its code and what to mend, no secret."""
    async with driven(SETTINGS, lambda _: reply) as (driver, _):
        (purged,) = await driver.purge([order()])
    assert purged.delivery is delivery
    assert names in purged.detail
    assert "s3cret-key" not in purged.detail
