"""What is known, in words."""

from dataclasses import asdict, replace
from typing import Any

import pytest

from edgeward.operations.cache_total import CacheTotal
from edgeward.operations.entry_effect import Effect
from edgeward.operations.order_totals import OrderSummary, ReceiptState
from edgeward.operations.statements import CACHES_PER_SENTENCE, LIMITS, WHY_INACTIVE, statement, unknowns
from edgeward.operations.unjudged_responses import UnjudgedResponses
from edgeward.purging import outcome_writer
from edgeward.purging.unjudged_orders import Unjudged
from edgeward.types import Cause, Delivery, Met, Outcome, PurgeOrder, Scope, Target
from edgeward.types.accepted_purges import ANOTHER_CACHE

NOON = 1767268800.0


def _total(removed: int = 0, none: int = 0, unknown: int = 0, **more: Any) -> CacheTotal:
    met = {Met.REMOVED: removed, Met.NONE: none, Met.UNKNOWN: unknown}
    return CacheTotal(met=met, copies=removed, **more)


def _summary(state: ReceiptState, orders: int = 1, **caches: CacheTotal) -> OrderSummary:
    return OrderSummary(state, orders, caches, NOON)


def test_gone_says_of_what_where_and_when() -> None:
    """Every copy that was known, in every cache that Edgeward is told of, at that time; and how many there were."""
    text = statement(_summary(ReceiptState.GONE, edge=_total(removed=2, verified=2), far=_total(none=2, verified=2)))
    assert text == (
        "At 2026-01-01 12:00:00 UTC: gone: every copy that Edgeward knew of, in every cache it is told of (edge, far). "
        "2 copies removed."
    )
    assert "index entry" in LIMITS


def test_purges_that_met_nothing_say_no_copy_is_gone() -> None:
    """A copy under another cache key would be there still: the sentence says where nothing is."""
    edge, far = _total(none=1, verified=1), _total(none=2, verified=2)
    text = statement(_summary(ReceiptState.FOUND_NOTHING, edge=edge, far=far))
    assert text == (
        "At 2026-01-01 12:00:00 UTC: found nothing: every cache that Edgeward is told of was asked where purges look "
        "(edge, far). No cache had a copy."
    )
    text = statement(_summary(ReceiptState.GONE, edge=edge, far=_total(unknown=1, verified=1)))
    assert text == (
        "At 2026-01-01 12:00:00 UTC: nothing is left where purges look, in every cache that Edgeward is told of "
        "(edge, far). No other cache had a copy; far does not tell whether there was a copy."
    )


@pytest.mark.parametrize("state", [state for state in ReceiptState if state is not ReceiptState.GONE])
def test_no_other_state_says_gone(state: ReceiptState) -> None:
    """Unless it is denied; and none but `gone` says verified, unless that is denied."""
    caches = {
        "edge": _total(removed=1, verified=1),
        "cf": _total(unknown=1, delivered=1, owed=1, refused=1, not_known=1),
    }
    summary = _summary(state, **caches)
    text = statement(summary.inactive(Effect.OFF) if state is ReceiptState.INACTIVE else summary).lower()
    for denied in ("not gone", "not known to be gone", "not verified"):
        text = text.replace(denied, "")
    assert "gone" not in text
    assert "verified" not in text


@pytest.mark.parametrize(
    ("caches", "found"),
    [
        ({"a": _total(removed=1), "b": _total(none=1)}, "1 copy removed."),
        ({"a": _total(none=1), "b": _total(none=1)}, "No cache had a copy."),
        ({"a": _total(none=1), "cf": _total(unknown=1)}, "No other cache had a copy; cf does not tell"),
        (
            {"a": _total(removed=3), "cf": _total(unknown=1)},
            "3 copies removed; cf does not tell",
        ),
        ({"cf": _total(unknown=1), "ak": _total(unknown=1)}, "cf, ak do not tell whether there was a copy."),
    ],
)
def test_what_the_purges_met(caches: dict[str, CacheTotal], found: str) -> None:
    """Copies, none, or nobody knows."""
    assert found in statement(_summary(ReceiptState.ACCEPTED, **caches))


@pytest.mark.parametrize(
    ("state", "caches", "said"),
    [
        (ReceiptState.PLACING, {}, "more purges will follow, 7 purges so far"),
        (ReceiptState.PURGING, {"a": _total(owed=2)}, "not gone yet: a owes 2 purges"),
        (ReceiptState.OWED, {"a": _total(owed=1)}, "not gone: a owes 1 purge, and does not answer"),
        (ReceiptState.OWED, {"a": _total(owed=1), "b": _total(refused=2)}, "goes on trying; b refuses 2 purges"),
        (ReceiptState.PURGING, {"a": _total(owed=1), "b": _total(refused=1)}, "a owes 1 purge; b refuses 1 purge"),
        (ReceiptState.REFUSED, {"a": _total(refused=2)}, "not gone: a refuses 2 purges; fix its access rules"),
        (ReceiptState.ACCEPTED, {"cf": _total(delivered=1)}, "accepted, not verified: every purge was carried out; cf"),
        (ReceiptState.UNKNOWN, {"a": _total(forgotten=1)}, "not known to be gone: a: 1 target was forgotten"),
        (ReceiptState.UNKNOWN, {"a": _total(forgotten=5)}, "a: 5 targets were forgotten"),
        (ReceiptState.UNKNOWN, {"a": _total(not_known=2)}, "a can't carry out 2 purges of this kind"),
        (ReceiptState.NOTHING, {}, "nothing matched: no cache is configured"),
        (ReceiptState.UNKNOWN, {}, "not known to be gone: no cache is configured: nothing was purged"),
        (ReceiptState.UNKNOWN, {"a": _total(not_known=1, unsupported_detail="not by prefix")}, "left (not by prefix)"),
        (
            ReceiptState.REFUSED,
            {"a": _total(refused=1, refused_detail="status 501")},
            "refuses 1 purge (status 501); re",
        ),
        (ReceiptState.NOTHING, {"a": _total()}, "nothing matched: no copy was seen"),
        (ReceiptState.NOTHING, {"a": _total(none=2)}, "no copy was seen. No cache had a copy"),
        (ReceiptState.NOTHING, {"cf": _total(unknown=2)}, "no copy was seen. cf does not tell"),
    ],
)
def test_each_state_says_what_is_known(state: ReceiptState, caches: dict[str, CacheTotal], said: str) -> None:
    """And names the caches that stand in the way."""
    assert said in statement(_summary(state, 7, **caches))


def test_a_lost_answer_is_not_a_cache_that_does_not_tell() -> None:
    """Of two purges: one was unanswered, or both; another cache does not tell."""
    lost, silent = _total(none=1, unknown=1, answers_lost=1, verified=2), _total(unknown=2, answers_lost=1, verified=2)
    text = statement(_summary(ReceiptState.GONE, edge=lost))
    assert "No other cache had a copy; an answer of edge was lost, so whether a copy was removed there is not" in text
    assert "does not tell" not in text
    text = statement(_summary(ReceiptState.GONE, edge=lost, far=silent))
    assert "far does not tell whether there was a copy; an answer of edge, far was lost" in text


def test_accepted_purges_say_why() -> None:
    """Each reason once, with the caches of which it is true."""
    caches = {
        "cf": _total(unknown=1, delivered=1, delivered_detail="accepted"),
        "ak": _total(unknown=1, delivered=1),
        "edge9": _total(removed=1, delivered=1, delivered_detail=ANOTHER_CACHE),
    }
    text = statement(_summary(ReceiptState.ACCEPTED, **caches))
    assert "cf, ak can't be asked whether a copy is left; edge9 was purged while controllers had different" in text


def test_a_refusal_says_what_happens_next() -> None:
    """Whoever mends the cache needs to do nothing else, and learns how long it takes. As the purger does it."""
    what_is_next = f"retried every {outcome_writer.REFUSED_RETRY_SECONDS / 60:g} minutes"
    for detail in ("", "status 501"):
        assert what_is_next in statement(_summary(ReceiptState.REFUSED, a=_total(refused=2, refused_detail=detail)))
    unjudged = _summary(ReceiptState.GONE, a=_total(verified=1)).with_unjudged(Unjudged(refused={"a": 1}))
    assert what_is_next in statement(unjudged)


def test_accepted_purges_are_not_all_where_some_cannot_be_carried_out() -> None:
    """As one by tag, whose copies others have removed."""
    text = statement(_summary(ReceiptState.ACCEPTED, cf=_total(delivered=1), edge=_total(verified=1, unsupported=1)))
    assert "every purge was carried out" not in text
    assert "every purge that the caches can carry out was carried out" in text


def test_targets_that_cannot_be_purged_are_named() -> None:
    """A few of them; of a target that was seen, its own copy may be left. A name is one line of printable text."""
    total = CacheTotal()
    for path in ("/\x9b2J", "/b", "/c", "/d", "/e"):
        target = Target("http", "photos.example", path)
        order = PurgeOrder(target, Cause.LISTING, NOON, id="1-0")
        total.add(order, Outcome("1-0", "a", Delivery.UNSUPPORTED, NOON, detail="status 400: it refuses every purge"))
    assert unknowns(_summary(ReceiptState.UNKNOWN, a=total)) == [
        "a can't carry out 5 purges of this kind, so copies may be left (status 400: it refuses every purge): "
        "http://photos.example/\N{REPLACEMENT CHARACTER}2J, http://photos.example/b, http://photos.example/c "
        "and 2 more purges"
    ]


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (Target("http", "photos.example", "/u/"), "http://photos.example/u/*"),
        (Target("", "", "/"), "every host"),
        (Target("http", "photos.example", "/" + "x" * 500), "..."),
    ],
)
def test_prefixes_that_cannot_be_purged_are_named(target: Target, name: str) -> None:
    """So are all hosts at once. Long ones are cut."""
    total = CacheTotal()
    order = PurgeOrder(target, Cause.TAKEDOWN, NOON, id="1-0", scope=Scope.PREFIX)
    total.add(order, Outcome("1-0", "a", Delivery.UNSUPPORTED, NOON, detail="not by prefix"))
    (text,) = unknowns(_summary(ReceiptState.UNKNOWN, a=total))
    assert text.startswith("a can't carry out 1 purge of this kind, so copies that were never seen may be left (not by")
    assert text.endswith(name)
    assert len(text) < 500
    assert CacheTotal.from_dict(asdict(total)) == total


@pytest.mark.parametrize(
    ("total", "said"),
    [
        (
            {"forgotten": 301, "forgotten_lost": 301, "forgotten_hosts": ["attacker.example"]},
            "edge: 301 targets were forgotten at attacker.example (their responses could not be judged or recorded)",
        ),
        (
            {
                "forgotten": 1,
                "forgotten_beyond_limits": 1,
                "forgotten_hosts": ["a", "b", "c"],
                "forgotten_host_count": 9,
            },
            "edge: 1 target was forgotten at a, b, c and 6 more (more were requested than are recorded)",
        ),
        (
            {"forgotten": 9, "forgotten_lost": 2, "forgotten_beyond_limits": 4, "forgotten_hosts": ["a", "b"]},
            "edge: 9 targets were forgotten at a, b (2: their responses could not be judged or recorded, 4: more were "
            "requested than are recorded)",
        ),
        ({"forgotten": 5, "forgotten_hosts": ["h" * 200]}, "forgotten at " + "h" * 100 + "..."),
        ({"forgotten": 5}, "edge: 5 targets were forgotten"),
    ],
)
def test_forgotten_targets_are_named_by_host_and_cause(total: dict[str, Any], said: str) -> None:
    """At most three hosts, and how many more; those of too many hosts have none."""
    summary = _summary(ReceiptState.UNKNOWN, edge=_total(**total))
    assert said in statement(summary)
    assert any(said in each for each in unknowns(summary))


def test_hosts_of_responses_that_are_not_judged_are_named() -> None:
    """Those of refused purges too."""
    unjudged = UnjudgedResponses(2, {"edge": 1}, hosts=["a.test", "b.test", "c.test", "d.test"])
    text = statement(_summary(ReceiptState.GONE, edge=_total(removed=1, verified=1)).with_unjudged(unjudged))
    named = "at a.test, b.test, c.test and 1 more"
    assert f"2 responses that broke off are not judged yet {named}, and a cache may hold what they had" in text
    assert f"edge refuses 1 purge of responses that broke off {named}; fix" in text


def test_an_entry_that_blocks_nothing_says_why() -> None:
    """For every effect but that of an entry that blocks."""
    summary = _summary(ReceiptState.NOTHING, 0)
    assert WHY_INACTIVE.keys() == set(Effect) - {Effect.BLOCKS}
    for effect, why in WHY_INACTIVE.items():
        assert f"blocks nothing: {why}" in statement(summary.inactive(effect))


def test_long_lists_of_caches_are_cut() -> None:
    """With the number of those left out."""
    caches = {f"c{number}": _total(none=1, verified=1) for number in range(CACHES_PER_SENTENCE + 3)}
    text = statement(replace(_summary(ReceiptState.GONE), caches=caches))
    assert "and 3 more" in text
    assert unknowns(replace(_summary(ReceiptState.GONE), caches=caches)) == []


@pytest.mark.parametrize(
    ("state", "then"),
    [
        ("gone", "unknown"),
        ("accepted", "unknown"),
        ("nothing", "unknown"),
        ("found_nothing", "unknown"),
        ("owed", "owed"),
        ("placing", "placing"),
    ],
)
def test_responses_that_are_not_judged_are_not_known(state: str, then: str) -> None:
    """A cache may hold what they had: nothing is gone before they are judged."""
    summary = _summary(ReceiptState(state), edge=_total(removed=1, verified=1, owed=1)).with_unjudged(Unjudged(2))
    assert (summary.state, summary.unjudged) == (then, 2)
    assert "2 responses that broke off are not judged yet" in " ".join(unknowns(summary))
    assert _summary(ReceiptState(state)).with_unjudged(Unjudged()).state == state


@pytest.mark.parametrize("state", ["gone", "accepted", "nothing"])
def test_processes_that_do_not_report_are_no_responses(state: str) -> None:
    """What they had in hand is not known; nobody says that a response broke off."""
    summary = _summary(ReceiptState(state), edge=_total(removed=1, verified=1)).with_unjudged(Unjudged(silent=2))
    assert (summary.state, summary.unjudged, summary.silent_processes) == ("unknown", 0, 2)
    assert unknowns(summary) == ["2 processes of Edgeward do not report: what they had in hand is not known"]
    both = unknowns(summary.with_unjudged(Unjudged(1, silent=1)))
    assert both[0] == "1 process of Edgeward does not report: what it had in hand is not known"
    assert both[1].startswith("1 response that broke off")


@pytest.mark.parametrize("state", ["gone", "accepted", "nothing"])
def test_requests_that_nobody_has_answered_are_said_and_hide_nothing(state: str) -> None:
    """No response has begun that a cache could hold: the state stays, and the sentence has their number. It is no
    reason for what is not known."""
    summary = _summary(ReceiptState(state), edge=_total(removed=1, verified=1)).with_unjudged(Unjudged(pending=2))
    assert (summary.state, summary.unjudged, summary.pending) == (state, 0, 2)
    assert statement(summary).endswith("2 requests that broke off have no answer yet; what comes is judged or purged.")
    assert unknowns(summary) == []
    both = summary.with_unjudged(Unjudged(1, pending=2))
    assert (both.state, both.unjudged, both.pending) == ("unknown", 1, 2)


def test_what_is_not_scanned_is_said_beside_what_is_gone() -> None:
    """Copies there are not known, so "every copy that Edgeward knew of" is not all. So it is with what a list of some
    hosts leaves elsewhere. A purge that is owed says enough."""
    for state in (ReceiptState.GONE, ReceiptState.FOUND_NOTHING, ReceiptState.ACCEPTED, ReceiptState.NOTHING):
        summary = _summary(state, edge=_total(none=1, verified=1))
        text = statement(replace(summary, not_scanned=["law.test", "b.test/x/"]))
        assert text.endswith(" Nothing is scanned at law.test, b.test/x/: which copies are there is not known."), state
        text = statement(replace(summary, limited=["The list a acts at a.test alone"]))
        assert text.endswith(" The list a acts at a.test alone: elsewhere it blocks and purges nothing."), state
    owed = replace(_summary(ReceiptState.OWED, edge=_total(owed=1)), not_scanned=["law.test"])
    assert "scanned" not in statement(owed) + statement(_summary(ReceiptState.GONE))
