"""`purge` and `purges`."""

from collections.abc import Callable

from tests.cli.conftest import PURGE, Api, Ended

type Run = Callable[..., Ended]


def test_purge_orders_urls(api: Api, edgeward: Run) -> None:
    """All URLs go into one request, with the reason; the command does not wait."""
    api.answer("POST /api/v1/purges", {"purges": [{**PURGE, "outcomes": {}, "owed": ["varnish-1"]}]}, 202)
    ended = edgeward("purge", "http://host/a.jpg", "http://host/b.jpg", "--reason", "r")
    assert api.requests[0].json == {"urls": ["http://host/a.jpg", "http://host/b.jpg"], "why": "r"}
    assert "?" not in api.requests[0].path
    assert ended.status == 0
    assert ended.out.splitlines()[1].split() == [
        PURGE["id"],
        "2026-01-01T00:00:00.500Z",
        "listing",
        "varnish-1",
        "-",
        "http://host/a.jpg",
    ]


def test_purge_waits(api: Api, edgeward: Run) -> None:
    """With --wait, purges that all caches verified are status 0, and their linger is printed."""
    api.answer("POST /api/v1/purges", {"purges": [PURGE]}, 202)
    ended = edgeward("purge", "http://host/a.jpg", "--wait", "--timeout", 3)
    assert api.requests[0].path.endswith("?wait=verified&timeout=3.0")
    assert ended.status == 0
    assert "0.100" in ended.out


def test_purge_names_the_caches_that_owe(api: Api, edgeward: Run) -> None:
    """With --wait, a cache without a final outcome is named, and the status is 1."""
    api.answer("POST /api/v1/purges", {"purges": [{**PURGE, "owed": ["nginx-2"]}]}, 202)
    ended = edgeward("purge", "http://host/a.jpg", "--wait", "--json")
    assert ended.status == 1
    assert "nginx-2 still owes 1 purge" in ended.err
    assert ended.json["purges"][0]["owed"] == ["nginx-2"]


def test_purge_names_the_caches_that_refuse(api: Api, edgeward: Run) -> None:
    """With --wait, a cache that refuses the purge is named, and the status is 1: the image is still cached there."""
    outcome = {**PURGE["outcomes"]["varnish-1"], "delivery": "refused", "linger_seconds": None}
    api.answer("POST /api/v1/purges", {"purges": [{**PURGE, "outcomes": {"varnish-1": outcome}}]}, 202)
    ended = edgeward("purge", "http://host/a.jpg", "--wait")
    assert (ended.status, ended.err) == (1, "edgeward: varnish-1 refuses 1 purge: see `edgeward purges`\n")


def test_purges_lists_orders(api: Api, edgeward: Run) -> None:
    """`purges` prints recent orders as a table and passes --limit on."""
    api.answer("GET /api/v1/purges", {"purges": [PURGE]})
    assert PURGE["id"] in edgeward("purges", "--limit", 3).out
    assert api.requests[0].path.endswith("?limit=3")


def test_one_order_shows_each_cache(api: Api, edgeward: Run) -> None:
    """`purges ID` prints every field of an order and the outcome of each cache."""
    api.answer(f"GET /api/v1/purges/{PURGE['id']}", PURGE)
    out = edgeward("purges", PURGE["id"]).out
    assert "vary        accept: image/webp" in out
    assert out.splitlines()[-1].split() == [
        "varnish-1",
        "verified",
        "2026-01-01T00:00:00.600Z",
        "1",
        "200",
        "0.100",
        "-",
    ]


def test_a_refusal_is_not_shown_as_done(api: Api, edgeward: Run) -> None:
    """A cache that refused the purge still holds the image, and the table names it."""
    outcome = {**PURGE["outcomes"]["varnish-1"], "delivery": "refused", "linger_seconds": None}
    api.answer("GET /api/v1/purges", {"purges": [{**PURGE, "outcomes": {"varnish-1": outcome}}]})
    assert "varnish-1 (refused)" in edgeward("purges").out


def test_orders_by_tag_and_prefix_are_shown(api: Api, edgeward: Run) -> None:
    """The table shows the tag or prefix of an order; `purges ID` shows scope, tag and takedown."""
    tagged = {**PURGE, "scope": "tag", "url": "", "tag": "ew-12", "takedown": "td-1"}
    api.answer("GET /api/v1/purges", {"purges": [tagged, {**PURGE, "scope": "prefix", "url": "http://host/u/"}]})
    out = edgeward("purges").out
    assert "tag ew-12" in out
    assert "http://host/u/*" in out
    api.answer(f"GET /api/v1/purges/{PURGE['id']}", tagged)
    out = edgeward("purges", PURGE["id"]).out
    for line in ("scope       tag", "tag         ew-12", "takedown    td-1"):
        assert line in out
