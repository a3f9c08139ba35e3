"""`purge` and `purges`."""

from collections.abc import Callable

from tests.cli.conftest import PURGE, Api, Ended

type Run = Callable[..., Ended]


def test_purge_orders_urls(api: Api, edgeward: Run) -> None:
    """All URLs go in one request, with the reason; nothing waits."""
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
    """With --wait a purge that all caches verified is status 0, and its linger is shown."""
    api.answer("POST /api/v1/purges", {"purges": [PURGE]}, 202)
    ended = edgeward("purge", "http://host/a.jpg", "--wait", "--timeout", 3)
    assert api.requests[0].path.endswith("?wait=verified&timeout=3.0")
    assert ended.status == 0
    assert "0.100" in ended.out


def test_purge_names_who_owes(api: Api, edgeward: Run) -> None:
    """With --wait a cache without a final outcome is named, and the status is 1."""
    api.answer("POST /api/v1/purges", {"purges": [{**PURGE, "owed": ["nginx-2"]}]}, 202)
    ended = edgeward("purge", "http://host/a.jpg", "--wait", "--json")
    assert ended.status == 1
    assert "nginx-2" in ended.err
    assert ended.json["purges"][0]["owed"] == ["nginx-2"]


def test_purges_lists_orders(api: Api, edgeward: Run) -> None:
    """Recent orders are a table, with the bound that was asked for."""
    api.answer("GET /api/v1/purges", {"purges": [PURGE]})
    assert PURGE["id"] in edgeward("purges", "--limit", 3).out
    assert api.requests[0].path.endswith("?limit=3")


def test_one_order_shows_each_cache(api: Api, edgeward: Run) -> None:
    """One order names every property and what each cache made of it."""
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


def test_a_refusal_does_not_look_done(api: Api, edgeward: Run) -> None:
    """A cache that refuses purges still holds the image: the table says so."""
    outcome = {**PURGE["outcomes"]["varnish-1"], "delivery": "refused", "linger_seconds": None}
    api.answer("GET /api/v1/purges", {"purges": [{**PURGE, "outcomes": {"varnish-1": outcome}}]})
    assert "varnish-1 (refused)" in edgeward("purges").out


def test_what_is_no_url_is_named(api: Api, edgeward: Run) -> None:
    """An order of a tag and one for all below a URL say so; one order shows its scope, tag and takedown."""
    tagged = {**PURGE, "scope": "tag", "url": "", "tag": "ew-12", "takedown": "td-1"}
    api.answer("GET /api/v1/purges", {"purges": [tagged, {**PURGE, "scope": "prefix", "url": "http://host/u/"}]})
    out = edgeward("purges").out
    assert "tag ew-12" in out
    assert "http://host/u/*" in out
    api.answer(f"GET /api/v1/purges/{PURGE['id']}", tagged)
    out = edgeward("purges", PURGE["id"]).out
    for line in ("scope       tag", "tag         ew-12", "takedown    td-1"):
        assert line in out
