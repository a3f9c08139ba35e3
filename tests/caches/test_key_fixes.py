"""What to change where a key has more in it than purges."""

import pytest

from edgeward.caches.key_fixes import DOCUMENT, QUERY, fix_for

PARTS = ("User-Agent", "Cookie", "Origin", "X-Forwarded-Proto", QUERY, "Accept", "Accept-Language", "Range")


@pytest.mark.parametrize(
    ("driver", "place"),
    [
        ("varnish", "vcl_hash"),
        ("nginx", "proxy_cache_key"),
        ("squid", "store-id"),
        ("trafficserver", "remap.config"),
        ("souin", "the cache key"),
    ],
)
def test_each_part_of_a_key_has_its_own_line(driver: str, place: str) -> None:
    """At each kind of cache: it says what to take out, or to add, and where."""
    lines = {part: fix_for(driver, [part]) for part in PARTS}
    assert len(set(lines.values())) == len(PARTS)
    assert place in lines["Cookie"]
    for part, word in zip(
        PARTS, ("device", "cookie", "Origin", "scheme", "query", "Accept", "language", "ange"), strict=True
    ):
        assert word in lines[part] or "$request_uri" in lines[part] or "above the include" in lines[part]
        assert "{" not in lines[part]


def test_nginx_has_its_lines_to_change() -> None:
    """The formats of pictures are named in the purge listener, whose line is that of the shipped file."""
    assert "add_header Edgeward-Variants" in fix_for("nginx", ["accept"])
    assert "$request_uri" in fix_for("nginx-plus", [QUERY])


def test_several_parts_are_one_sentence() -> None:
    """Each line once, and the document at the end; an unknown header has a line too."""
    both = fix_for("varnish", ["Cookie", "cookie", "X-Own"])
    assert both.count("cookie out") == 1
    assert "take it out of the cache key" in both
    assert both.endswith(DOCUMENT)
