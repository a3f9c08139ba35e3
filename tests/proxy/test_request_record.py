"""What is recorded of a request until its response is judged."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http

from edgeward.proxy import request_record
from edgeward.proxy.request_record import RecordedHeaders, unpack

SELECTS = {"Host": "img.test", "Accept": "image/webp", "Accept-Language": "de", "X-Forwarded-Proto": "https"}
PRIVATE = (
    "Authorization", "Proxy-Authorization", "Cookie", "X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "Client-IP",
    "True-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP", "X-Client-IP", "Referer", "X-Api-Key", "X-Auth-Token",
    "X-CSRF-Token", "X-Amz-Signature", "X-Session-Id", "X-User-Id", "From", "X-Client-Cert", "X-Amz-Security-Token",
)  # fmt: skip


ORDINARY_NAMES = (
    "User-Agent", "Referer", "Cookie", "Authorization", "Cache-Control", "If-None-Match", "Range", "Sec-Fetch-Dest",
    "Sec-CH-UA-Mobile", "DNT", "Priority", "Upgrade-Insecure-Requests", "Connection", "TE", "X-Forwarded-For", "Via",
    "X-Real-IP", "X-Request-Id", "traceparent", "X-Amzn-Trace-Id", "CF-Ray", "CDN-Loop", "X-Requested-With",
)  # fmt: skip


def request(headers: dict[str, str], path: str = "/a?b=c") -> http.Request:
    made = http.Request.make("GET", "https://img.test/", headers=headers)
    made.data.path = path.encode("latin-1")
    made.headers.pop("content-length", None)
    return made


def test_what_selects_a_response_is_recorded() -> None:
    """Scheme, target and host byte for byte, and the headers of negotiation."""
    record = unpack(RecordedHeaders().pack(request(SELECTS, "/%7E//\xe9?#x: y")))
    assert (record.request.scheme, record.request.data.path) == ("https", b"/%7E//\xe9?#x: y")
    assert dict(record.request.headers) == {name.lower(): value for name, value in SELECTS.items()}
    assert record.withheld == frozenset()


@pytest.mark.parametrize("name", PRIVATE)
def test_what_is_private_is_never_recorded(name: str) -> None:
    """Not even where Vary names it; that the request had it is."""
    headers = RecordedHeaders()
    headers.learn([name.lower()])
    packed = headers.pack(request({**SELECTS, name: "hush"}))
    assert b"hush" not in packed
    assert unpack(packed).withheld == {name.lower()}


def test_what_vary_has_named_is_recorded() -> None:
    """An ordinary header is, once some Vary has named it; the latest names are known."""
    headers, asked = RecordedHeaders(), request({**SELECTS, "User-Agent": "phone"})
    assert unpack(headers.pack(asked)).withheld == {"user-agent"}
    headers.learn(["user-agent"])
    assert unpack(headers.pack(asked)).request.headers["user-agent"] == "phone"
    headers.learn([f"x-{number}" for number in range(request_record.MAX_LEARNED_NAMES)])
    assert unpack(headers.pack(asked)).withheld == {"user-agent"}


@pytest.mark.parametrize("name", ["X-Device", "DPR", "Save-Data", "Sec-CH-Width", "CF-IPCountry", "X-Other"])
def test_what_is_unusual_is_recorded(name: str) -> None:
    """A response may name it in Vary that no other response names."""
    record = unpack(RecordedHeaders().pack(request({**SELECTS, name: "1"})))
    assert record.request.headers[name] == "1"
    assert record.is_whole


@pytest.mark.parametrize("name", ORDINARY_NAMES)
def test_what_is_ordinary_is_not_recorded(name: str) -> None:
    """No response varies by it without saying so in all others: the record is whole without."""
    record = unpack(RecordedHeaders().pack(request({**SELECTS, name: "1"})))
    assert record.withheld == {name.lower()}
    assert record.is_whole


@pytest.mark.parametrize(
    "headers",
    [{"X-Session": "1"}, {"X-Device": "x" * 5000}, {f"X-{number}": "1" for number in range(200)}],
    ids=["private", "long", "many"],
)
def test_a_record_without_what_is_unusual_is_not_whole(headers: dict[str, str]) -> None:
    """What could not be recorded may have selected a variant that only this client can ask for."""
    assert not unpack(RecordedHeaders().pack(request({**SELECTS, **headers}))).is_whole


def test_records_are_bounded() -> None:
    """Long values of unusual headers, many of them, and more in all than a request may have, are left out."""
    many = {f"Accept-{number}": "x" for number in range(1000)}
    headers = RecordedHeaders()
    packed = headers.pack(request({"Host": "img.test", "X-Odd": "x" * 5000, **many}))
    assert len(packed) < 5000
    assert "x-odd" in unpack(packed).withheld
    asked = request({"Host": "img.test"})
    asked.headers.fields = (*asked.headers.fields, *[(b"Accept", b"x" * 5000)] * 100)
    assert len(headers.pack(asked)) < request_record.MAX_RECORDED_BYTES + 1000
    assert not unpack(headers.pack(asked)).has_all(["accept"])
    host_last = headers.pack(request({**{f"Accept{number}": "x" for number in range(100)}, "Host": "img.test"}))
    assert unpack(host_last).request.headers["host"] == "img.test"


def test_negotiation_is_recorded_in_full() -> None:
    """Every response may vary by it: a client that sends a long one must not make it unknown what a cache stores."""
    headers = RecordedHeaders()
    headers.learn(["x-variant"])
    record = unpack(headers.pack(request({**SELECTS, "Accept-Encoding": "x" * 8000, "X-Variant": "y" * 8000})))
    assert record.withheld == frozenset()
    assert (record.request.headers["accept-encoding"], len(record.request.headers["x-variant"])) == ("x" * 8000, 8000)


def test_a_header_cannot_hide_among_many() -> None:
    """It is known that there were more than are named. What is recorded completely is not in doubt."""
    junk = {f"X-Junk-{number}": "1" for number in range(200)}
    headers = RecordedHeaders()
    record = unpack(headers.pack(request({**SELECTS, **junk, "X-Variant": "b"})))
    assert not record.has_all(["x-variant"])
    assert record.has_all([]) and record.has_all(["accept", "accept-encoding", "origin"])
    few = unpack(headers.pack(request({**SELECTS, "X-Junk-Key": "1"})))
    assert few.has_all(["x-variant"]) and not few.has_all(["x-junk-key"])
    assert not unpack(headers.pack_again(headers.pack(request(junk)))).has_all(["x-variant"])
    earlier = b"http\r\n/a\r\nhost: img.test\r\n" + b"\r\n".join(b"x-%d" % number for number in range(64))
    assert not unpack(headers.pack_again(earlier)).has_all(["x-variant"])


def test_repeated_headers_hide_none_that_is_learned() -> None:
    """It is recorded; an always recorded one too, as often as the request has it."""
    headers = RecordedHeaders()
    headers.learn(["x-variant"])
    asked = request({"Host": "img.test"})
    junk = [(b"X-Junk-%d" % number, b"1") for number in range(200)]
    last = [(b"X-Variant", b"b"), (b"Accept-Language", b"de")]
    asked.headers.fields = (*asked.headers.fields, *[(b"Accept", b"image/x")] * 200, *junk, *last)
    record = unpack(headers.pack(asked))
    assert record.has_all(["x-variant", "accept", "accept-language"])
    assert len(record.request.headers.get_all("accept")) == 200
    assert len(headers.pack(asked)) < 10_000
    first = request({"Host": "img.test", "X-Variant": "b"})
    first.headers.fields = (*first.headers.fields, *junk)
    assert unpack(headers.pack(first)).has_all(["x-variant"])


def test_a_folded_header_is_one_line() -> None:
    """It can't add a line to the record."""
    packed = RecordedHeaders().pack(request({**SELECTS, "Accept": "image/png,\r\n evil: yes"}))
    assert unpack(packed).request.headers["accept"] == "image/png,  evil: yes"


def test_the_authority_of_http_2_is_the_host() -> None:
    """Where there is no Host header."""
    asked = request({})
    asked.headers.pop("host", None)
    asked.data.authority = b"img.test"
    assert unpack(RecordedHeaders().pack(asked)).request.headers["host"] == "img.test"


def test_a_record_of_an_earlier_version_is_cleaned() -> None:
    """Earlier versions recorded all headers but credentials."""
    old = b"http\r\n/a?b\r\nHost: img.test\r\nX-Forwarded-For: 192.0.2.7\r\nAccept: image/png"
    packed = RecordedHeaders().pack_again(old)
    assert b"192.0.2.7" not in packed
    assert unpack(packed).withheld == {"x-forwarded-for"}
    assert unpack(RecordedHeaders().pack_again(packed)).withheld == {"x-forwarded-for"}


@given(st.binary())
def test_damaged_records_are_told(data: bytes) -> None:
    """Any bytes are a record or a ValueError."""
    with contextlib.suppress(ValueError):
        unpack(data)
