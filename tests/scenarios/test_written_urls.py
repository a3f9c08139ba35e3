"""Takedowns of URLs as people write them, at each kind of cache, of copies that clients stored in other forms.

Each cache has its shipped files, and a controller with all of them carries the takedowns out. A sighting is what
Edgeward saw of the fetch, as the upstream of the cache.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.support.controllers import Api, RunningController, settings
from tests.support.edges import with_store
from tests.support.programs import require
from tests.support.real_caches import image
from tests.support.recording_edge import RecordingEdge, recording_origin, target_seen

from edgeward.demo.caches import Nginx, Squid, TrafficServer, Varnish
from edgeward.settings.config import Config
from edgeward.sightings.sightings import Sightings
from edgeward.types import Sighting, Target

KINDS = (Varnish, Nginx, Squid, TrafficServer)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Edges:
    """A controller, and the caches that it purges."""

    api: Api
    config: Config
    caches: Sequence[RecordingEdge]

    def see(self, targets: Sequence[Target]) -> None:
        """Write the sightings that Edgeward would have written for these fetches."""
        now = time.time()
        seen = [Sighting(target, image(target.url), now, 0) for target in targets]
        with_store(self.config, lambda store: Sightings(store, self.config.sightings).write(seen))


@pytest.fixture(scope="module")
def edges(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edges]:
    with ExitStack() as stack:
        caches = []
        for kind in KINDS:
            require(kind.program)
            origin = stack.enter_context(recording_origin())
            directory = tmp_path_factory.mktemp(kind.driver)
            cache = stack.enter_context(kind(directory, ("127.0.0.1", origin.server_address[1])))
            caches.append(RecordingEdge(cache, origin))
        tables = [{**edge.cache.section(edge.cache.driver), "timeout_ms": 20_000} for edge in caches]
        config = settings(redis_url, tmp_path_factory.mktemp("state"), caches=tables)
        with RunningController(config) as running:
            yield Edges(running.api, config, caches)


@dataclass(frozen=True)
class Case:
    """A URL as somebody writes it, and the host and request target under which a client requests the resource.

    Q stands for a number.
    """

    written: str
    host: bytes
    target: bytes

    def numbered(self, number: int) -> "Case":
        """The same for a resource of its own."""
        target = self.target.replace(b"Q", b"%d" % number)
        return Case(self.written.replace("Q", str(number)), self.host, target)

    @property
    def head(self) -> bytes:
        return b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % (self.target, self.host)


names = st.text(st.sampled_from("abzAZ09-_~éüñß健😀"), min_size=1, max_size=6)
"""Of a segment of a path, as people write it."""


@st.composite
def requested_bytes(draw: st.DrawFn, text: str) -> bytes:
    """The text as some client sends it: raw or percent-encoded, in UTF-8 or in Latin-1 if that is possible."""
    latin_1 = draw(st.booleans()) and all(ord(char) < 0x100 for char in text)
    raw = text.encode("latin-1" if latin_1 else "utf-8")
    forms = [lambda byte: b"%%%02X" % byte, lambda byte: b"%%%02x" % byte, lambda byte: bytes([byte])]
    return b"".join(draw(st.sampled_from(forms))(byte) for byte in raw)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    more = draw(st.lists(names, max_size=3))
    segments = ["Q", *more]
    requested = [b"Q", *(draw(requested_bytes(segment)) for segment in more)]
    parameter = draw(st.sampled_from([b"", b"", b";v=1", b";jsessionid=0;x"]))
    separators = [draw(st.sampled_from([b"/", b"//", b"/./", b"/x/../"])) for _ in segments]
    path = b"".join(piece for pair in zip(separators, requested, strict=True) for piece in pair)
    end = draw(st.sampled_from([b"", b"", b"?", b"?w=1&h=%32", b"#top", b"?w=1#top"]))
    scheme = draw(st.sampled_from(["http", "https", "HTTP"]))
    port = ":443" if scheme == "https" else ":80"
    host = draw(st.sampled_from(["img.test", "IMG.Test", "img.test.", f"img.test{port}"]))
    dots = draw(st.sampled_from(["", "", "/.", "/y/.."]))
    slash = draw(st.sampled_from(["/", "/", "\\"]))
    fragment = draw(st.sampled_from(["", "", "#", "#top"]))
    written = f"{scheme}://{host}{dots}{slash}{slash.join(segments)}{fragment}"
    requested_host = draw(st.sampled_from([b"img.test", b"IMG.test", b"img.test:80", b"img.test."]))
    return Case(written, requested_host, path + parameter + end)


# Not made smaller: each example takes seconds.
@hypothesis_settings(
    max_examples=8, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck)
)
@given(some=st.lists(cases(), min_size=12, max_size=12))
def test_a_url_as_it_is_written_takes_down_what_clients_stored(edges: Edges, some: list[Case]) -> None:
    """Whatever form a client requested, no cache holds it when the takedown of the written URL is done."""
    take_down(edges, [case.numbered(next(_numbers)) for case in some])


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("http://img.test/é", b"/%C3%A9"),
        ("http://img.test/ü ñ.jpg", b"/%C3%BC%20%C3%B1.jpg"),
        ("http://img.test/健?q=健", "/健?q=%E5%81%A5".encode()),
        ("http://img.test/😀.png#x", b"/%f0%9f%98%80.png"),
        ("http://img.test/café.jpg", b"/caf\xe9.jpg"),
        ("http://img.test/a.jpg", b"/a.jpg#fragment"),
        ("http://img.test/b.jpg", b"/b.jpg;p"),
        ("http://img.test\\c\\d.jpg", b"/c/d.jpg"),
        ("http://img.test/e\t.j\npg", b"/e.jpg"),
        ("http://img.test/f/../g.jpg", b"/./g.jpg"),
    ],
)
def test_examples(edges: Edges, written: str, target: bytes) -> None:
    """Text beyond ASCII, raw bytes, fragments, parameters, backslashes, line breaks and dot segments."""
    take_down(edges, [Case(written, b"img.test", target)])


@pytest.mark.parametrize("written", ["http://img.test/unseen-é.jpg", "https://IMG.test/x/../unseen-ü?b=健#c"])
def test_what_was_never_seen(edges: Edges, written: str) -> None:
    """The URL as browsers request it is purged even if Edgeward never saw it."""
    target = {"http": "/unseen-%C3%A9.jpg", "https": "/unseen-%C3%BC?b=%E5%81%A5"}[written.partition(":")[0]]
    take_down(edges, [Case(written, b"img.test", target.encode())], seen=False)


def take_down(edges: Edges, some: list[Case], seen: bool = True) -> None:
    """Request each through every cache, take the written URLs down, and see that every cache asks the origin again."""
    stored: list[tuple[RecordingEdge, Case]] = []
    for edge, case in itertools.product(edges.caches, some):
        status, fetched = edge.request(case.head)
        target = target_seen(fetched) if fetched and status == 200 else None
        if target is None:
            continue  # this cache refuses it from everybody
        if seen:
            edges.see([target])
        if any(edge.request(case.head)[1] is None for _ in range(3)):
            stored.append((edge, case))
    assert stored
    answer = edges.api.post("/takedowns", {"urls": [case.written for case in some]}, wait="verified", timeout=60)
    assert answer.status == 202, answer.body
    assert answer.json["purge"]["owed"] == answer.json["purge"]["refused"] == {}
    left = [(edge.cache.driver, case) for edge, case in stored if edge.request(case.head)[1] is None]
    assert left == []
