"""data: URIs are found in every form."""

import base64
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from edgeward.hashing.embedded_images import data_uris
from edgeward.hashing.embedded_images.data_uris import DataUri, find, unescape_css, unescape_html
from edgeward.hashing.media_types import SNIFF_BYTES

PICTURE = b"\x89PNG\r\n\x1a\n\"'<&> %" + bytes(range(256))
CODED = base64.b64encode(PICTURE).decode()
WRAPPED = "\r\n   ".join(CODED[at : at + 76] for at in range(0, len(CODED), 76))


def all_of(text: str, entire: bool = False) -> list[DataUri]:
    return list(find(text.encode(), lambda media_type, prefix: True, entire))


@pytest.mark.parametrize(
    "text",
    [
        f'<img src="data:image/png;base64,{CODED}">',
        f"<img src='data:image/png;base64,{CODED}'/>",
        f"<img src=data:image/png;base64,{CODED} alt=x>",
        f"<img src=data:image/png;base64,{CODED}>",
        f'<img src="  DATA:image/png;BASE64,{CODED} ">',
        f'<img src="da\nta:image/png;charset=x;base64 ,{CODED}">',
        f'<img src="data:image/png;base64,{WRAPPED}">',
        f'<img src="data:image/png;base64,{CODED.rstrip("=")}">',
        f'<img src="data:image/png;base64,{quote(CODED, safe="")}">',
        f'<img src="data:image/png;base64,%0A{CODED}#frag">',
        f'<img srcset="data:image/png;base64,{CODED} 1.5x">',
        f'<img srcset="a.png 1x, data:image/png;base64,{CODED} 2x, b.png 3x">',
        f"a {{ background: url(data:image/png;base64,{CODED}) no-repeat }}",
        f"a {{ background: url( 'data:image/png;base64,{CODED}' ) }}",
        f"<p>see data: URIs, or 'data: x' <img src='data:image/png;base64,{CODED}'>",
        f"data:text/plain,data:image/png;base64,{CODED}",
        f'<img src="data:image/png,{quote(PICTURE, safe="")}">',
        f"<img src='data:image/png,{quote(PICTURE, safe=' <>&()')}'>",
        f"url(data:image/png,{quote(PICTURE)})",
        f"<img src=data:image/png,{quote(PICTURE)}>",
    ],
)
def test_every_way_of_writing(text: str) -> None:
    """Each form gives the same bytes: quoted, Base64 or percent-encoded, with white space, capitals, parameters."""
    assert DataUri("image/png", PICTURE) in all_of(text)


def test_a_value_that_is_a_uri_ends_where_it_ends() -> None:
    """In an attribute's value quotes and brackets belong to the URI."""
    assert all_of("data:image/svg+xml,<svg a='(1)' b=\"2\"/>", entire=True) == [
        DataUri("image/svg+xml", b"<svg a='(1)' b=\"2\"/>")
    ]


def test_nested_ones_are_found_too() -> None:
    """A URI inside another's payload that is not Base64 is found too."""
    inner = f"<svg><image href='data:image/png;base64,{CODED}'/></svg>"
    assert [each.media_type for each in all_of(f'<img src="data:image/svg+xml,{inner}">')] == [
        "image/svg+xml",
        "image/png",
    ]


def test_only_what_is_wanted_is_decoded() -> None:
    """`wanted` gets the declared type and the first bytes."""
    asked = []

    def wanted(media_type: str, prefix: bytes) -> bool:
        asked.append((media_type, prefix))
        return False

    assert not list(find(f"'data:a/b,{quote(PICTURE)}' 'data:;base64,{CODED}'".encode(), wanted))
    assert asked == [("a/b", PICTURE[:SNIFF_BYTES]), ("", PICTURE[:SNIFF_BYTES])]


@pytest.mark.parametrize("text", ["", "data:", "data:,", "data", "metadata: a, b", 'data:;base64,"', "data:;base64,A"])
def test_odd_ends(text: str) -> None:
    """URIs that are cut short, or are none, raise nothing."""
    assert all(each.payload in (b"", b" b") for each in all_of(text))


@pytest.mark.parametrize(
    "text",
    ["data:", "data:,", "data:;base64,", "data:;base64,AAAA", "data:image/png,%", "'data:a,b ", "data:;base64, "],
)
def test_many_uris_take_linear_time(text: str) -> None:
    """Many unfinished URIs are scanned in linear time."""
    started = time.process_time()
    for _ in find(text.encode() * (2**18 // len(text)), lambda media_type, prefix: False):
        pass
    assert time.process_time() - started < 4  # it takes 0.3; quadratic it would take up to 40


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a&amp;b&quot;", 'a&b"'),
        ("&#100;&#x61;ta&colon;", "data:"),
        (f"&#{'0' * 9000}100;", "d"),
        (f"&#x{'0' * 9000}64;", "d"),
        (f"&#{'9' * 9000};", "\ufffd"),
        ("&&#;&#x;&no-such", "&&#;&#x;&no-such"),
    ],
)
def test_html_references(text: str, expected: str) -> None:
    """Replaced as browsers do, also with thousands of digits."""
    assert unescape_html(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\\64 ata\\3a x", "data:x"),
        ("\\000064\\000061ta\\:", "data:"),
        ("a\\\r\nb\\\nc", "abc"),
        ("\\0 \\ffffff \\d800 x", "\ufffd\ufffd\ufffdx"),
        ("end\\", "end\\"),
    ],
)
def test_css_escapes(text: str, expected: str) -> None:
    """Replaced as browsers do; an escape that is not a character becomes U+FFFD."""
    assert unescape_css(text) == expected


def test_long_runs_are_linear_work() -> None:
    """Of spaces, digits, zeros and openers, as no image has them: quadratic work would take hours."""
    code = """
from edgeward.hashing.embedded_images.data_uris import find, unescape_css, unescape_html
n = 500_000
for text in (b" " * n, b" 1" * n, b"1" * n + b"x", b"(" * n, b"data:" * n, b"; base64" * n, b"%20" * n):
    for around in (b'"data:;base64,%b!"', b"(data:%b,x)", b"data:image/svg+xml,%b"):
        list(find(around.replace(b"%b", text), lambda media_type, prefix: True))
for text in ("&#0" * n, "&#" + "0" * n, "\\\\" * n, "&" * n):
    unescape_html(text), unescape_css(text)
"""
    source = str(Path(data_uris.__file__).parents[3])
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": source}, check=True, timeout=120)
