"""`purge` and `purges`."""

from collections.abc import Callable

import pytest
from tests.cli.conftest import PURGE, Api, Ended

from edgeward.errors import UserError

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
        "-",
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
    advice = "fix its access rules or credentials; retried every 5 minutes: see `edgeward purges`"
    assert (ended.status, ended.err) == (1, f"edgeward: varnish-1 refuses 1 purge, {advice}\n")


def test_what_became_of_the_others_is_said(api: Api, edgeward: Run) -> None:
    """One URL was mistyped: the statement on the other one is printed. A refusal is in the words of the cache."""
    answer = {"purges": [PURGE], "unmatched": ["http://host/b.jpg"], "state": "gone", "statement": "At noon: gone."}
    api.answer("POST /api/v1/purges", answer, 202)
    ended = edgeward("purge", "http://host/a.jpg", "http://host/b.jpg", "--wait")
    assert (ended.status, ended.out.splitlines()[-1]) == (1, "At noon: gone.")
    assert "nothing matched http://host/b.jpg" in ended.err
    outcome = {**PURGE["outcomes"]["varnish-1"], "delivery": "refused", "detail": "status 501", "linger_seconds": None}
    api.answer("POST /api/v1/purges", {**answer, "purges": [{**PURGE, "outcomes": {"varnish-1": outcome}}]}, 202)
    ended = edgeward("purge", "http://host/a.jpg", "http://host/b.jpg", "--wait")
    assert "varnish-1 refuses 1 purge (status 501)" in ended.err
    assert "gone" not in ended.out


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
        "2",
        "2026-01-01T00:00:00.600Z",
        "1",
        "200",
        "0.100",
        "-",
    ]


def test_a_refusal_is_not_shown_as_done(api: Api, edgeward: Run) -> None:
    """A cache that refused the purge still holds the image. The table names it, and apart from those that owe it."""
    outcome = {**PURGE["outcomes"]["varnish-1"], "delivery": "refused", "linger_seconds": None}
    api.answer("GET /api/v1/purges", {"purges": [{**PURGE, "outcomes": {"varnish-1": outcome}}]})
    table = edgeward("purges").out.splitlines()
    assert table[0].split()[3:6] == ["OWED", "REFUSED", "MET"]
    assert table[1].split()[3:6] == ["-", "varnish-1", "-"]


@pytest.mark.parametrize(
    ("deliveries", "met"),
    [
        ({"a": ("verified", 2), "b": ("verified", 0)}, "2 removed"),
        ({"a": ("verified", 0), "b": ("verified", 0)}, "none"),
        ({"a": ("verified", 0), "b": ("delivered", None)}, "unknown"),
        ({"a": ("delivered", 1), "b": ("delivered", None)}, "1 removed"),
        ({"a": ("unsupported", None)}, "unsupported"),
        ({"a": ("unsupported", None), "b": ("verified", 1)}, "1 removed; unsupported: a"),
        ({"a": ("unsupported", None), "b": ("refused", None)}, "unsupported: a"),
        ({"a": ("refused", None)}, "-"),
    ],
)
def test_what_a_purge_met_is_in_the_table(
    api: Api, edgeward: Run, deliveries: dict[str, tuple[str, int | None]], met: str
) -> None:
    """A copy, none, or it is not known. What was not carried out met nothing; what can't be is said to be so."""
    known = PURGE["outcomes"]["varnish-1"]
    outcomes = {name: {**known, "delivery": each, "removed": removed} for name, (each, removed) in deliveries.items()}
    api.answer("GET /api/v1/purges", {"purges": [{**PURGE, "outcomes": outcomes}]})
    assert met in edgeward("purges").out.splitlines()[1]


def test_accepted_is_the_word_for_a_purge_that_is_not_verified(api: Api, edgeward: Run) -> None:
    """A cache that owes the order is shown with what it waits for, or as not asked yet."""
    accepted = {**PURGE["outcomes"]["varnish-1"], "delivery": "delivered", "removed": None}
    waiting = {**accepted, "delivery": "waiting", "attempts": 3, "detail": "connection refused", "linger_seconds": None}
    outcomes = {"cf": accepted, "down": waiting}
    api.answer(f"GET /api/v1/purges/{PURGE['id']}", {**PURGE, "outcomes": outcomes, "owed": ["down", "new"]})
    rows = {line.split()[0]: line for line in edgeward("purges", PURGE["id"]).out.splitlines() if line}
    assert rows["cf"].split()[1:3] == ["accepted", "unknown"]
    assert "connection refused" in rows["down"]
    assert rows["down"].split()[1] == "owed"
    assert "not sent yet" in rows["new"]
    nothing = {**accepted, "delivery": "verified", "word": "found_nothing", "removed": 0}
    api.answer(f"GET /api/v1/purges/{PURGE['id']}", {**PURGE, "outcomes": {"varnish-1": nothing}})
    assert "varnish-1  found nothing  0" in edgeward("purges", PURGE["id"]).out


def test_purge_says_that_it_matched_nothing(api: Api, edgeward: Run) -> None:
    """With --wait, a URL that was never seen and of which no cache had a copy is named, with status 1."""
    for state in ("nothing", "found_nothing"):
        answer = {"purges": [PURGE], "unmatched": ["http://host/a.jpg"], "state": state, "statement": "no copy"}
        api.answer("POST /api/v1/purges", answer, 202)
        ended = edgeward("purge", "http://host/a.jpg", "--wait")
        assert ended.status == 1
        assert "nothing matched http://host/a.jpg" in ended.err
        assert "edgeward: no copy" in ended.err


def test_purge_says_that_it_found_nothing(api: Api, edgeward: Run) -> None:
    """With --wait, where a copy was seen once and no cache has one now: status 1."""
    answer = {"purges": [PURGE], "unmatched": [], "state": "found_nothing", "statement": "At noon: found nothing."}
    api.answer("POST /api/v1/purges", answer, 202)
    ended = edgeward("purge", "http://host/a.jpg", "--wait")
    assert (ended.status, ended.err) == (1, "edgeward: At noon: found nothing.\n")
    assert edgeward("purge", "http://host/a.jpg").status == 0


def test_purge_says_what_was_only_accepted(api: Api, edgeward: Run) -> None:
    """With --wait, status 1 unless the settings of the cache say that this is enough."""
    answer = {"purges": [PURGE], "unmatched": [], "state": "accepted", "statement": "At noon: accepted."}
    for enough, status in ((["cf"], 0), ([], 1)):
        accepted = {"accepted": {"cf": 2}, "accepted_is_enough": enough}
        api.answer("POST /api/v1/purges", {**answer, **accepted}, 202)
        ended = edgeward("purge", "http://host/a.jpg", "--wait")
        assert (ended.status, ended.out.splitlines()[-1]) == (status, "At noon: accepted.")
        assert ("accepted, not verified: cf took 2 purges" in ended.err) == bool(status)


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


def test_what_a_cache_cannot_carry_out_is_not_shown_as_done(api: Api, edgeward: Run) -> None:
    """Also while another cache owes the order."""
    outcome = {**PURGE["outcomes"]["varnish-1"], "delivery": "unsupported", "removed": None, "linger_seconds": None}
    order = {**PURGE, "outcomes": {"varnish-1": outcome}, "owed": ["varnish-2"]}
    api.answer("GET /api/v1/purges", {"purges": [order]})
    assert edgeward("purges").out.splitlines()[1].split()[3:7] == ["varnish-2", "-", "unsupported:", "varnish-1"]


def test_an_order_for_every_host_says_so(api: Api, edgeward: Run) -> None:
    """It has no URL: it stands for targets of too many hosts, or that nobody knows."""
    order = {**PURGE, "scope": "prefix", "url": "", "forgotten": 2}
    api.answer("GET /api/v1/purges", {"purges": [order]})
    assert edgeward("purges").out.splitlines()[1].endswith("  every host (2 forgotten)")
    api.answer(f"GET /api/v1/purges/{PURGE['id']}", order)
    assert "url         every host" in edgeward("purges", PURGE["id"]).out


def test_a_refusal_says_what_happens_next(api: Api, edgeward: Run) -> None:
    """After what the cache said, in the row of that cache."""
    refused = {**PURGE["outcomes"]["varnish-1"], "delivery": "refused", "linger_seconds": None}
    outcomes = {"a": {**refused, "detail": "status 403"}, "b": refused, "c": PURGE["outcomes"]["varnish-1"]}
    api.answer(f"GET /api/v1/purges/{PURGE['id']}", {**PURGE, "outcomes": outcomes})
    rows = {line.split()[0]: line for line in edgeward("purges", PURGE["id"]).out.splitlines() if line}
    assert rows["a"].endswith("status 403; retried every 5 minutes")
    assert rows["b"].endswith("  retried every 5 minutes")
    assert "retried" not in rows["c"]


def test_an_order_for_forgotten_targets_says_where_it_was_not_carried_out(api: Api, edgeward: Run) -> None:
    """Such targets are not known to be gone from a cache that can't do it, refuses it or owes it."""
    known = PURGE["outcomes"]["varnish-1"]
    outcomes = {"done": known, "cannot": {**known, "delivery": "unsupported", "removed": None}}
    order = {
        **PURGE,
        "scope": "prefix",
        "url": "http://host/u/",
        "forgotten": 7,
        "outcomes": outcomes,
        "owed": ["late"],
    }
    api.answer("GET /api/v1/purges", {"purges": [order]})
    assert "http://host/u/* (7 forgotten)" in edgeward("purges").out
    api.answer(f"GET /api/v1/purges/{PURGE['id']}", order)
    assert edgeward("purges", PURGE["id"]).out.splitlines()[-2:] == [
        "cannot: not known to be gone by this order: 7 targets forgotten",
        "late: not known to be gone by this order: 7 targets forgotten",
    ]


def test_purges_retry(api: Api, edgeward: Run) -> None:
    """It asks for all caches, or the one that is named, with the reason, and says what is tried again."""
    api.answer("POST /api/v1/purges/retry", {"caches": {"cdn": {"refused": 1, "owed": 0}}}, 202)
    ended = edgeward("purges", "retry")
    assert (ended.status, api.requests[0].json) == (0, {})
    assert ended.out == "cdn: 1 refused purge and 0 owed are tried again now\n"
    ended = edgeward("purges", "retry", "--cache", "cdn", "--reason", "new token", "--json")
    assert api.requests[1].json == {"cache": "cdn", "why": "new token"}
    assert ended.json["caches"]["cdn"]["refused"] == 1


def test_options_of_retry_need_it(api: Api, edgeward: Run) -> None:
    """`purges --cache` alone would look like a filter: it is an error that names the command."""
    with pytest.raises(UserError, match="edgeward purges retry"):
        edgeward("purges", "--cache", "cdn")
    assert api.requests == []


def test_a_cache_that_no_controller_has_is_told(api: Api, edgeward: Run) -> None:
    """Nothing is retried there: each command says so, and what to do; of an order, in the row of that cache too."""
    refused = {**PURGE["outcomes"]["varnish-1"], "delivery": "refused", "detail": "status 403", "linger_seconds": None}
    order = {**PURGE, "outcomes": {"old": refused}, "owed": ["gone"], "absent": ["gone", "old"]}
    api.answer(f"GET /api/v1/purges/{PURGE['id']}", order)
    api.answer("GET /api/v1/purges", {"purges": [order]})
    api.answer("POST /api/v1/purges", {"purges": [order], "absent": ["gone", "old"]}, 202)
    for command in (("purges", PURGE["id"]), ("purges",), ("purge", "http://host/a.jpg", "--wait")):
        ended = edgeward(*command)
        assert "`edgeward caches forget gone`" in ended.err and "`edgeward caches forget old`" in ended.err
        assert "retried" not in ended.out + ended.err
    rows = {line.split()[0]: line for line in edgeward("purges", PURGE["id"]).out.splitlines() if line}
    assert "not sent yet; no live controller has it in [[caches]]" in rows["gone"]
    assert "status 403; no live controller has it in [[caches]]" in rows["old"]
