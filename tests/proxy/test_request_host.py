"""Hosts and request targets that no purge can name do not reach the cache."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from tests.caches.orders import order_for
from tests.proxy.conftest import StartWorker, Worker

from edgeward.caches import driver_for
from edgeward.caches.raw_http import RawHttpRequest
from edgeward.caches.response_parser import HttpResponse
from edgeward.caches.self_hosted_driver import SelfHostedDriver
from edgeward.proxy.request_host import (
    PURGE_MARGIN_BYTES,
    default_host,
    longest_target,
    reason_to_refuse,
    target_of_request,
    write_host,
)
from edgeward.settings.cache_settings import SelfHostedCache, parse_cache
from edgeward.settings.config import ProxySettings
from edgeward.types import Reason

SELF_HOSTED = ("varnish", "nginx", "nginx-plus", "squid", "trafficserver", "souin")
SECRET = "s" * 256
VARNISH_HEAD_BYTES = 32768


def request_of(target: bytes, *headers: tuple[bytes, bytes], version: bytes = b"HTTP/1.1") -> http.Request:
    """A request in origin-form, as mitmproxy hands it over."""
    made = http.Request.make("GET", "http://upstream/")
    made.data.path, made.data.http_version, made.headers = target, version, http.Headers(headers)
    return made


class Recorder:
    """Takes the place of a driver's connections: encodes each request, and answers that nothing is cached."""

    def __init__(self) -> None:
        self.encoded: list[bytes] = []
        self.unanswered = 0

    async def ask_many(self, requests: Sequence[RawHttpRequest]) -> list[HttpResponse]:
        self.encoded += [each.encode() for each in requests]
        return [HttpResponse(504 if each.method == "GET" else 404, {}) for each in requests]


def recording_driver(kind: str) -> tuple[SelfHostedDriver, Recorder]:
    settings = parse_cache({"name": "edge", "driver": kind, "url": "http://127.0.0.1:1", "secret": SECRET})
    assert isinstance(settings, SelfHostedCache)
    driver, recorder = driver_for(settings), Recorder()
    assert isinstance(driver, SelfHostedDriver)
    driver._http = recorder  # type: ignore[assignment]
    return driver, recorder


def lists_of_caches(*kinds: str) -> Iterable[SelfHostedCache]:
    for kind in kinds:
        settings = parse_cache({"name": kind, "driver": kind, "url": "http://127.0.0.1:1"})
        assert isinstance(settings, SelfHostedCache)
        yield settings


hosts = st.one_of(
    st.binary(max_size=40),
    st.from_regex(rb"\A[A-Za-z0-9._:\[\]-]{0,40}\Z"),
    st.builds(lambda name, end: name + end, st.sampled_from([b"a", b"img.test", b"[::1]", b"192.0.2.1"]),
              st.sampled_from([b"", b".", b"..", b":", b":80", b":0", b":80:80", b":65536", b" b", b"\xe9", b"%41"])),
)  # fmt: skip
targets = st.one_of(st.binary(max_size=60), st.builds(lambda rest: b"/" + rest, st.binary(max_size=60)))


@given(host=hosts, target=targets)
async def test_what_passes_can_be_purged_at_every_kind_of_cache(host: bytes, target: bytes) -> None:
    """Each self-hosted driver can write the purge, and it has the bytes that the cache got."""
    request = request_of(target, (b"Host", host))
    if reason_to_refuse(request, None):
        return
    for kind in SELF_HOSTED:
        driver, recorder = recording_driver(kind)
        await driver.purge([order_for(target_of_request(request))])
        assert recorder.encoded
        if kind != "souin":  # there the target is in a regular expression
            assert all(each.split(b" ")[1] == target for each in recorder.encoded)
            assert all(b"\r\nHost: " + host + b"\r\n" in each for each in recorder.encoded)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /a HTTP/1.1\r\n",
        b"GET /a HTTP/1.1\r\nHost:\r\n",
        b"GET /a HTTP/1.1\r\nHost:  \r\n",
        b"GET /a HTTP/1.0\r\nHost:\r\n",
        b"HEAD /a HTTP/1.1\r\nHost: a b\r\n",
        b"GET /a HTTP/1.1\r\nHost: img.test/b\r\n",
        b"GET /a HTTP/1.1\r\nHost: img.t\xe9st\r\n",
        b"GET /a HTTP/1.1\r\nHost: img.t\xc3\xa9st\r\n",
        b"GET /a HTTP/1.1\r\nHost: user@img.test\r\n",
        b"GET /a HTTP/1.1\r\nHost: img.test:0\r\n",
        b"GET /a HTTP/1.1\r\nHost: img.test:80:80\r\n",
        b"GET /a HTTP/1.1\r\nHost: img.test:http\r\n",
        b"GET /a HTTP/1.1\r\nHost: img.test:65536\r\n",
        b"GET /a HTTP/1.1\r\nHost: img.test..\r\n",
        b"GET /a HTTP/1.1\r\nHost: [::1\r\n",
        b"GET /a HTTP/1.1\r\nHost: [:::1]\r\n",
        b"GET /a HTTP/1.1\r\nHost: ::1\r\n",
        b"GET /a HTTP/1.1\r\nHost: a,b\r\n",
        b"GET http://user@img.test/a HTTP/1.1\r\n",
        b"GET http://img.test:80:80/a HTTP/1.1\r\n",
        b"GET http:///a HTTP/1.1\r\n",
        b"GET /a\x01 HTTP/1.1\r\nHost: img.test\r\n",
        b"GET /a\x7f HTTP/1.1\r\nHost: img.test\r\n",
        b"GET * HTTP/1.1\r\nHost: img.test\r\n",
        b"GET a HTTP/1.1\r\nHost: img.test\r\n",
    ],
)
@pytest.mark.parametrize("placement", ["front", "fill"])
async def test_a_request_that_no_purge_can_name(start_worker: StartWorker, head: bytes, placement: str) -> None:
    """It is refused with 400, which no cache may store, before the upstream sees it."""
    worker = await start_worker(proxy={"placement": placement})
    reply = await worker.raw(head + b"\r\n", head.split(b" ")[0].decode())
    assert (reply.status, reply.headers["cache-control"]) == (400, "no-store")
    assert worker.upstream.seen == []


@pytest.mark.parametrize("host", ["img.test", "Img.TEST.", "a_b.test:8080", "[2001:db8::1]:443", "192.0.2.1", "-a"])
async def test_usual_hosts_pass(worker: Worker, host: str) -> None:
    """Names, addresses and ports pass as they came."""
    assert (await worker.raw(f"GET /a HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())).status == 404
    assert f"\r\nHost: {host}\r\n".encode() in worker.upstream.seen[0]


@pytest.mark.parametrize(
    ("head", "sent", "host"),
    [
        (b"GET http://img.test/a?b HTTP/1.1\r\n", b"GET /a?b HTTP/1.1\r\n", b"img.test"),
        (b"GET http://img.test:81/a HTTP/1.1\r\nHost: img.test:81\r\n", b"GET /a HTTP/1.1\r\n", b"img.test:81"),
        (b"GET https://img.test/a HTTP/1.0\r\n", b"GET /a HTTP/1.0\r\n", b"img.test"),
        (b"HEAD http://img.test HTTP/1.1\r\n", b"HEAD / HTTP/1.1\r\n", b"img.test"),
        (b"GET http://img.test/a HTTP/1.1\r\nHost: other.test\r\n", b"GET /a HTTP/1.1\r\n", b"img.test"),
        (b"GET http://img.test/a HTTP/1.1\r\nHost: IMG.test:80\r\n", b"GET /a HTTP/1.1\r\n", b"img.test"),
    ],
)
async def test_a_target_with_a_host(worker: Worker, head: bytes, sent: bytes, host: bytes) -> None:
    """In absolute-form the target names the host. The cache gets it in Host alone, so that it stores it under that."""
    assert (await worker.raw(head + b"\r\n", head.split(b" ")[0].decode())).status == 404
    (seen,) = worker.upstream.seen
    assert seen.startswith(sent)
    assert [line for line in seen.split(b"\r\n") if line.lower().startswith(b"host:")] == [b"Host: " + host]


async def test_http_1_0_without_host(start_worker: StartWorker) -> None:
    """In front the cache gets the upstream's name as Host. In fill, what the cache took is unknown: it is refused."""
    front = await start_worker()
    assert (await front.raw(b"GET /a HTTP/1.0\r\n\r\n")).status == 404
    assert f"\r\nHost: {front.upstream.address}\r\n".encode() in front.upstream.seen[0]
    fill = await start_worker(proxy={"placement": "fill"})
    assert (await fill.raw(b"GET /a HTTP/1.0\r\n\r\n")).status == 400
    assert fill.upstream.seen == []


def test_uploads_without_a_path_pass() -> None:
    """OPTIONS * and others that no cache stores need only a host."""
    request = request_of(b"*", (b"host", b"img.test"))
    request.method = "OPTIONS"
    assert reason_to_refuse(request, 10) is None


def test_the_host_is_recorded_byte_for_byte() -> None:
    """One character of a target stands for one byte, also beyond ASCII."""
    target = target_of_request(request_of(b"/\xc3\xa9\xff", (b"Host", b"Img.Test")))
    assert (target.host, target.path) == ("Img.Test", "/\xc3\xa9\xff")


def test_another_host_stays_two_hosts_in_fill() -> None:
    """If target and Host differ, nobody knows which of them the cache has taken: such a request is refused."""
    request = request_of(b"/a", (b"Host", b"b"))
    request.data.authority = b"a"
    write_host(request, b"c", in_front=False)
    assert (request.data.authority, request.headers["Host"]) == (b"a", "b")
    assert reason_to_refuse(request, None) == (400, Reason.BAD_REQUEST)


@pytest.mark.parametrize("in_front", [True, False])
def test_the_same_host_in_other_letters(in_front: bool) -> None:
    """The target's form of it is taken."""
    request = request_of(b"/a", (b"Host", b"IMG.test:80"))
    request.data.authority = b"img.test"
    write_host(request, b"", in_front=in_front)
    assert (request.data.authority, request.headers["Host"]) == (b"", "img.test")
    assert reason_to_refuse(request, None) is None


@pytest.mark.parametrize("fields", [(b"a", b"b"), (b"a", b"a")])
def test_several_host_fields_stay(fields: tuple[bytes, bytes]) -> None:
    """Two fields Host are refused (RFC 9112, 3.2), whatever the target names."""
    request = request_of(b"/a", *((b"Host", value) for value in fields))
    request.data.authority = b"a"
    write_host(request, b"", in_front=True)
    assert reason_to_refuse(request, None) == (400, Reason.BAD_REQUEST)


def test_the_default_host() -> None:
    """It is the upstream's, with its port, in front alone."""
    assert default_host(ProxySettings(upstream="http://cache.test:6081")) == b"cache.test:6081"
    assert default_host(ProxySettings(placement="fill")) == b""


def test_the_longest_target_of_the_caches() -> None:
    """The cache with the lowest limit decides; caches that limit GET and PURGE alike do not."""
    assert longest_target(lists_of_caches("nginx", "squid")) is None
    assert longest_target(lists_of_caches("trafficserver", "varnish")) == VARNISH_HEAD_BYTES - PURGE_MARGIN_BYTES
    assert longest_target([]) is None


@pytest.mark.parametrize("kind", ["varnish", "trafficserver"])
async def test_the_longest_target_fits_a_purge(kind: str) -> None:
    """A purge of the longest target, with a long secret, is within what the cache accepts."""
    limit = longest_target(lists_of_caches(kind))
    assert limit is not None
    host = b"img.test"
    request = request_of(b"/" + b"a" * (limit - len(host) - 1), (b"Host", host))
    assert reason_to_refuse(request, limit) is None
    driver, recorder = recording_driver(kind)
    await driver.purge([order_for(target_of_request(request))])
    assert all(len(each) <= limit + PURGE_MARGIN_BYTES for each in recorder.encoded)
    request.data.path += b"a"
    assert reason_to_refuse(request, limit) == (414, Reason.BAD_REQUEST)


async def test_a_target_that_is_too_long_for_a_purge(start_worker: StartWorker) -> None:
    """It is refused with 414. Targets that only a GET could carry would stay in the cache for ever."""
    worker = await start_worker(caches=[{"name": "edge", "driver": "varnish", "url": "http://127.0.0.1:1"}])
    assert (await worker.get("/" + "a" * 31_000)).status == 404
    before = len(worker.upstream.seen)
    assert (await worker.get("/" + "a" * 32_000)).status == 414
    assert len(worker.upstream.seen) == before


@pytest.mark.parametrize(
    "header",
    [
        (b"Accept", b"image/webp,\r\n */*"), (b"Accept", b"a\n b"), (b"Accept", b"a\rb"), (b"Accept", b"a\x00b"),
        (b"Accept", b"a\x01b"), (b"Accept", b"a\x7f"), (b"X V", b"1"), (b"X\tV", b"1"), (b"X(V", b"1"), (b"\xe9", b"1"),
        (b"", b"1"),
    ],
)  # fmt: skip
def test_headers_that_no_purge_can_carry(header: tuple[bytes, bytes]) -> None:
    """A folded line, control bytes, and names that are none: Vary may name them, so they do not reach the cache."""
    assert reason_to_refuse(request_of(b"/a", (b"Host", b"img.test"), header), None) == (400, Reason.BAD_REQUEST)


@pytest.mark.parametrize("value", [b"", b"a\tb", b"a, b", b"\xc3\xa9\xff", b'!~"\\'])
def test_headers_that_a_purge_can_carry(value: bytes) -> None:
    """All bytes of RFC 9110, 5.5."""
    assert reason_to_refuse(request_of(b"/a", (b"Host", b"img.test"), (b"X-V", value)), None) is None


async def test_a_folded_header_does_not_reach_the_cache(worker: Worker) -> None:
    """mitmproxy takes it and would send it on as it is."""
    reply = await worker.raw(b"GET /a HTTP/1.1\r\nHost: img.test\r\nAccept: image/webp,\r\n */*\r\n\r\n")
    assert reply.status == 400
    assert worker.upstream.seen == []
