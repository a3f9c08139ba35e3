"""Hostile images: each gets its verdict, and the same worker judges the next one."""

import gzip
import io
import struct
import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import brotli
import pytest
from tests.fuzz.cases import Case
from tests.fuzz.chunks import Chunk, layout_of
from tests.fuzz.deployment import Deployment, resident
from tests.fuzz.loop_pauses import STALL_SECONDS
from tests.fuzz.report import MAX_GROWTH
from tests.fuzz.sender import CaseSender
from tests.scenarios.pictures import drawn, fresh, picture
from tests.support.programs import require

SIDE = 100_000
MUTATED = 150
FIRST = 1_000_000
"""Number of the first case here: mutated cases have smaller ones."""
LISTED = 880_000
"""The seed of a drawing that is on the list."""


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One worker; the policy is the default."""
    require("redis-server")
    with Deployment(tmp_path_factory.mktemp("hostile"), policy={}) as running:
        yield running
        assert running.defects() == []


def png(*more: Chunk) -> bytes:
    """A valid one, with these chunks after its header."""
    body = picture(1, "PNG", (160, 120))
    layout = layout_of(body)
    assert layout
    header, *rest = layout.split(body)
    return layout.join([header, *more, *rest])


def huge_png() -> bytes:
    """100,000 x 100,000 pixels by its header."""
    body = png()
    layout = layout_of(body)
    assert layout
    header, *rest = layout.split(body)
    return layout.join([replace(header, data=struct.pack(">II", SIDE, SIDE) + header.data[8:]), *rest])


def bomb_in_png() -> bytes:
    """Two chunks of compressed text, of 200 MB each."""
    text = zlib.compress(bytes(200_000_000), 1)
    return png(*(Chunk(b"zTXt", b"Comment\0\0" + text),) * 2)


def endless_gif() -> bytes:
    """Six pictures repeated, 20,000 frames in all."""
    frames = [drawn(number, (48, 48)).quantize(16) for number in range(6)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    body = buffer.getvalue()
    first = body.index(b"\x21\xf9")
    return body[:first] + body[first:-1] * 3500 + b";"


def nested_svg() -> bytes:
    """A picture in an SVG in an SVG, ten deep."""
    uri = f"data:image/png;base64,{b64encode(png()).decode()}"
    for _ in range(10):
        svg = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{uri}"/></svg>'
        uri = f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
    return svg.encode()


def deep_svg() -> bytes:
    """A hundred thousand nested elements."""
    return b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<g>" * 100_000


def laughing_svg() -> bytes:
    """Entities of entities: 10 to the 9th times a word (billion laughs)."""
    entities = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 10))
    doctype = f'<!DOCTYPE svg [<!ENTITY l0 "lol">{entities}]>'
    return f'<?xml version="1.0"?>{doctype}<svg xmlns="http://www.w3.org/2000/svg"><text>&l9;</text></svg>'.encode()


@cache
def gigabyte() -> bytes:
    """A gigabyte of zeros in gzip members, in gzip: some kilobytes."""
    return gzip.compress(gzip.compress(bytes(10_000_000)) * 100)


def gif(seed: int) -> bytes:
    return picture(seed, "GIF", (160, 120))


class Bad(NamedTuple):
    """A response, and its result under the default policy."""

    make: Callable[[], bytes]
    status: int
    reason: str
    content_type: str | None = "image/png"
    codings: str = ""


BAD = {
    "zero bytes": Bad(bytes, 200, "not_image"),
    "one byte": Bad(lambda: b"\x89", 200, "no_match"),
    "a header alone": Bad(lambda: png()[:24], 200, "undecodable"),
    "truncated JPEG": Bad(lambda: picture(2)[:6000], 200, "no_match", "image/jpeg"),
    "corrupt PNG": Bad(lambda: png()[:30] + bytes(500) + png()[530:], 200, "undecodable"),
    "huge by its header": Bad(huge_png, 403, "too_many_pixels"),
    "huge and mistyped": Bad(huge_png, 403, "too_many_pixels", "text/html"),
    "endless frames": Bad(endless_gif, 200, "too_many_frames", "image/gif"),
    "bomb inside a PNG": Bad(bomb_in_png, 200, "no_match"),
    "bomb of gzip in gzip": Bad(gigabyte, 403, "too_large", "image/png", "gzip, gzip"),
    "bomb of gzip in gzip, of a text": Bad(gigabyte, 403, "too_large", "text/css", "gzip, gzip"),
    "bomb of br": Bad(lambda: brotli.compress(png() + bytes(50_000_000), quality=1), 403, "too_large", codings="br"),
    "five codings": Bad(png, 403, "bad_coding", codings=", ".join(["gzip"] * 5)),
    "a coding of odd bytes": Bad(png, 403, "bad_coding", codings="\xff"),
    "a coding that it has not": Bad(png, 403, "bad_coding", codings="zstd"),
    "pictures in SVG in SVG": Bad(nested_svg, 200, "too_many_frames", "image/svg+xml"),
    "elements in elements": Bad(deep_svg, 200, "no_match", "image/svg+xml"),
    "entities in entities": Bad(laughing_svg, 200, "no_match", "image/svg+xml"),
    "a page as an image": Bad(lambda: b"<!doctype html><p>hello", 200, "no_match", "image/jpeg"),
    "an image as a page": Bad(lambda: png() + b" ", 200, "no_match", "text/html"),
    "a GIF that is also a page": Bad(lambda: gif(3) + b"<script>alert(1)</script>", 200, "no_match", "text/html"),
    "a listed one of those": Bad(lambda: gif(LISTED) + b"<p>", 451, "match", "text/html"),
}


@pytest.fixture(scope="module", autouse=True)
def _listed(deployment: Deployment) -> None:
    deployment.edge.add_image("removed", gif(LISTED))


@pytest.mark.parametrize("name", BAD)
def test_each_gets_its_verdict(deployment: Deployment, name: str) -> None:
    """Delivered unchanged or refused, with the reason counted, by the same worker, which then serves another image."""
    bad, workers, before = BAD[name], deployment.workers(), deployment.reasons()
    body = bad.make()
    answer = deployment.ask(Case(FIRST + list(BAD).index(name), body, bad.content_type, bad.codings, name))
    assert (answer.status, deployment.reasons() - before) == (bad.status, Counter({bad.reason: 1}))
    assert (answer.body == body) == (bad.status == 200)
    ordinary = fresh()
    assert deployment.ask(Case(FIRST - 1, ordinary.body, ordinary.media_type, "", "ordinary")).body == ordinary.body
    assert deployment.workers() == workers


def test_mutated_images(deployment: Deployment) -> None:
    """Each is answered and counted once, unchanged or refused; no worker ends, and memory is given back."""
    workers, sender = deployment.workers(), CaseSender(deployment, seed=1)
    before = sum(map(resident, workers))
    sender.run(0, MUTATED, 60)
    assert sender.tally.wrong == []
    assert sender.tally.images == MUTATED
    assert deployment.workers() == workers
    assert sum(map(resident, workers)) - before < MAX_GROWTH


def test_the_event_loop_never_stalled(deployment: Deployment) -> None:
    """No turn of the worker's event loop worked for longer than three times the 50 ms that `make fuzz` allows it when
    nothing else runs: beside other tests, on shared cores, the same work takes longer. Only work counts, as the machine
    itself may stand still. `make disturb` does not disturb this loop from inside: the watch takes its place."""
    assert [str(pause) for pause in deployment.pauses() if pause.worked > 3 * STALL_SECONDS] == []
