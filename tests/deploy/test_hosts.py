"""The shipped files of each cache: a purge finds a response under the host and target that the upstream saw.

In placement fill Edgeward is that upstream, and sees no more of it. The cache answers 400 to odd requests, or they
reach Edgeward in a form that it refuses, or they are stored under what Edgeward sees.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.programs import require
from tests.support.recording_edge import RecordingEdge, recording_origin, target_seen

from edgeward.demo.caches import CacheServer, Nginx, Squid, TrafficServer, Varnish

KINDS = (Varnish, Nginx, Squid, TrafficServer)
_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__.lower())
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordingEdge]:
    kind: type[CacheServer] = request.param
    require(kind.program)
    directory: Path = tmp_path_factory.mktemp("edge")
    # Varnish sends the name of its backend as Host where it has none: another name than that of its own address.
    name = "localhost" if kind is Varnish else "127.0.0.1"
    with recording_origin() as origin, kind(directory, (name, origin.server_address[1])) as cache:
        yield RecordingEdge(cache, origin)


def assert_purgeable(edge: RecordingEdge, head: bytes) -> None:
    """What this request makes the cache store, if anything, a purge of what Edgeward sees of it removes."""
    status, fetched = edge.request(head)
    if status != 200 or fetched is None:
        return
    target = target_seen(fetched)
    if target is None:
        return  # Edgeward refuses it, and no cache stores that.
    # A cache may take a moment to store it; some of these it never stores.
    stored = any(edge.request(head)[1] is None for _ in range(3))
    purged = edge.purge(target)
    fetched_again = edge.request(head)[1] is not None
    assert fetched_again, (head, target, purged)
    assert not stored or purged.count != 0, (head, target, purged)


ODD_HOSTS = [
    b"a..", b"a.:80", b"a:80.", b"a:80:80", b"a:80:81.:82", b"A.B:8080", b"a:", b"a b", b"a/b", b"u@a", b".a", b"a..b",
    b"a:0", b"a:x", b"a:99999", b"[::1]", b"[::1]:80", b"::1", b"1.2.3.4", b"a_b", b"-a", b"a\xe9", b"a\xc3\xa9",
    b"a%41", b"a?b", b"a#b", b"a\\b", b'"a"', b"a,b", b"a;b", b"",
]  # fmt: skip
ODD_TARGETS = [
    b"http://b/N", b"https://b/N", b"HTTPS://B:443/N", b"ftp://b/N", b"http://u@b/N", b"http://b?N", b"http://b:8080/N",
    b"http://b.:80/N", b"/N#frag", b"/N#frag?x", b"/N;p", b"/./N", b"//N", b"/x/../N", b"/N?", b"/N\\b", b"/N\xe9",
    b"/N\xc3\xa9", b"/N%zz", b"/N%00", b"?N", b"N",
]  # fmt: skip
HEADS = [
    b"GET /N HTTP/1.0\r\n",
    b"GET /N HTTP/1.0\r\nHost:\r\n",
    *(b"GET /N HTTP/1.1\r\nHost: " + host + b"\r\n" for host in ODD_HOSTS),
    *(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n" for target in ODD_TARGETS),
]
"""Requests in which N stands for a number of their own."""


@pytest.mark.parametrize("head", HEADS)
def test_an_odd_request_is_stored_where_a_purge_finds_it(edge: RecordingEdge, head: bytes) -> None:
    """Whatever a client names as host and target, the cache stores it under what the upstream sees, or not at all."""
    assert_purgeable(edge, head.replace(b"N", b"%d" % next(_numbers)) + b"Connection: close\r\n\r\n")


def latin_1(characters: str) -> st.SearchStrategy[bytes]:
    return st.text(st.sampled_from(characters), max_size=12).map(lambda text: text.encode("latin-1"))


hosts, paths = latin_1("aB1.:-_[]8 @/%\xe9"), latin_1('ab/.%2eEfF~;#?&=+\\\xe9\xc3\xa9"<')


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(host=hosts, rest=paths, absolute=st.sampled_from([b"", b"http://", b"https://"]))
def test_any_request_is_stored_where_a_purge_finds_it(
    edge: RecordingEdge, host: bytes, rest: bytes, absolute: bytes
) -> None:
    """The same for random hosts and targets, in origin-form and absolute-form."""
    path = b"/%d/" % next(_numbers) + rest
    target = absolute + host + path if absolute else path
    assert_purgeable(edge, b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("edge", [Varnish], indirect=True, ids=["varnish"])
@pytest.mark.parametrize("host", [b"a.", b"a..", b"A:80", b"a:80:80", b"a.:80", b"a:80.", b"a:", b"a:8080.:1."])
def test_varnish_normalizes_a_host_in_one_pass(edge: RecordingEdge, host: bytes) -> None:
    """What it sends upstream is normalized for good: all forms of a host are one object."""
    path = b"/%d" % next(_numbers)
    head = b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"
    status, fetched = edge.request(head % (path, host))
    assert status == 200
    assert fetched is not None
    assert b"\r\nHost: a\r\n" in fetched
    assert edge.request(head % (path, b"a"))[1] is None
