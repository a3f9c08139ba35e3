"""What is known of the copies of an image, as sentences: the words of receipts, `--wait` and the API.

They say only what is known. "Gone" is a word for purges that every cache verified.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from edgeward.operations.cache_total import CacheTotal
from edgeward.operations.entry_effect import Effect
from edgeward.operations.order_totals import OrderSummary
from edgeward.quantities import HOSTS_NAMED, counted, listed
from edgeward.types import Met
from edgeward.types.absent_caches import ADVICE, IN_NO_SETTINGS
from edgeward.types.outcome_words import ReceiptState
from edgeward.types.refused_purges import RETRIED

LIMITS = (
    "A purge removes the cache's index entry; the bytes on its disk are overwritten later. Copies that Edgeward did "
    "not know of, copies in browsers, and caches that it is not told of are not covered."
)
"""What no purge can show, said on every receipt."""
CACHES_PER_SENTENCE = 20
"""Caches named in one sentence at most."""
HOST_CHARACTERS = 100
"""Of the name of a host in a sentence."""
EMPTIED = "then it was said that every cache had been emptied"
"""Whoever said so is in the audit trail. Edgeward can't verify it."""
NO_CACHE = "no cache is configured: nothing was purged"
WHY_INACTIVE = {
    Effect.MONITORS: "its list is in monitor mode: matches are recorded, and nothing is blocked or purged",
    Effect.OFF: "its list is off",
    Effect.PROTECTS: "its list is an allowlist: it protects what it matches",
    Effect.PROTECTED: "an allowlist protects its image",
    Effect.CANNOT_MATCH: "nothing can match it: images get no such hash here, or its quality is too low",
    Effect.REMOVED: "it was removed from its list",
}


_NAMES_LIMITS = frozenset({ReceiptState.ACCEPTED, ReceiptState.FOUND_NOTHING, ReceiptState.GONE, ReceiptState.NOTHING})
"""The states whose sentences speak of every copy that was known."""


def statement(summary: OrderSummary) -> str:
    """What is known at `summary.at`, in one to four sentences."""
    asked = (ReceiptState.ACCEPTED, ReceiptState.FOUND_NOTHING, ReceiptState.GONE)
    found = f" {met(summary)}." if summary.state in asked else ""
    if summary.emptied_at and summary.state is not ReceiptState.PLACING:
        found += f" Copies that were not known count as gone since {moment(summary.emptied_at)}: {EMPTIED}."
    if summary.state in (ReceiptState.FOUND_NOTHING, ReceiptState.GONE):
        found += _unchecked_keys(summary)
    if summary.listed_before and summary.listed_new and summary.state is not ReceiptState.PLACING:
        found += f" Not purged again: {_listed_before(summary)}."
    if summary.not_scanned and summary.state in _NAMES_LIMITS:
        found += f" Nothing is scanned at {', '.join(summary.not_scanned)}: which copies are there is not known."
    if summary.limited and summary.state in _NAMES_LIMITS:
        found += "".join(f" {each}: elsewhere it blocks and purges nothing." for each in summary.limited)
    return f"At {moment(summary.at)}: {_state(summary)}.{found}{_pending(summary.pending)}"


def moment(at: float) -> str:
    """Unix seconds as a time in UTC, for sentences."""
    text = datetime.fromtimestamp(at, UTC).isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    return f"{text} UTC"


def _state(summary: OrderSummary) -> str:
    match summary.state:
        case ReceiptState.PLACING:
            return f"more purges will follow, {counted(summary.orders, 'purge')} so far"
        case ReceiptState.PURGING:
            return f"not gone yet: {_owed(summary, '')}{_refused_too(summary)}"
        case ReceiptState.OWED:
            owed = _owed(summary, ", and does not answer; Edgeward goes on trying")
            return f"not gone: {owed}{_refused_too(summary)}"
        case ReceiptState.REFUSED:
            return f"not gone: {refusals(summary)}"
        case ReceiptState.UNKNOWN:
            return f"not known to be gone: {'; '.join(unknowns(summary))}{_known(summary)}"
        case ReceiptState.INACTIVE:
            what = "a part of what is listed" if summary.partly else "what is listed"
            return f"{what} blocks nothing: {WHY_INACTIVE[summary.effect]}. Copies of it may be cached"
        case ReceiptState.NOTHING if summary.listed_before and not (summary.listed_new or summary.orders):
            return f"nothing was purged: {_listed_before(summary)}"
        case ReceiptState.NOTHING:
            return f"nothing matched: {_nothing_found(summary)}"
        case ReceiptState.ACCEPTED:
            part = any(total.unsupported for total in summary.caches.values())
            which = "every purge that the caches can carry out" if part else "every purge"
            return f"accepted, not verified: {which} was carried out; {_accepted(summary)}"
        case ReceiptState.FOUND_NOTHING:
            # A purge under another cache key than that of fetches meets nothing either.
            names = _names(summary.caches)
            return f"found nothing: every cache that Edgeward is told of was asked where purges look ({names})"
        case ReceiptState.GONE:
            return _gone(summary)


def _refused_too(summary: OrderSummary) -> str:
    """The caches that refuse purges, where others owe some."""
    return f"; {refusals(summary)}" if summary.refused else ""


def _known(summary: OrderSummary) -> str:
    """What is known all the same, where only responses that are not judged make the rest unknown."""
    if summary.known_state is None:
        return ""
    where = "Apart from that" if summary.unjudged_elsewhere else "At all other hosts"
    return f". {where}: {_state(replace(summary, state=summary.known_state, known_state=None))}"


def _listed_before(summary: OrderSummary) -> str:
    """The hashes of an import whose copies it did not purge, and how to purge them."""
    count = summary.listed_before
    hashes, were = counted(count, "hash", "hashes"), "was" if count == 1 else "were"
    which = hashes if summary.listed_new or count == 1 else f"all {hashes}"
    copies = "its copies" if count == 1 else "their copies"
    return f"{which} {were} listed already; --purge-again purges {copies} again"


def _unchecked_keys(summary: OrderSummary) -> str:
    """The caches whose word is taken for it that a purge looks where copies are."""
    names = [name for name, total in summary.caches.items() if total.unchecked_key]
    if not names:
        return ""
    keys = f"the cache key of {_names(names)}" if len(names) == 1 else f"the cache keys of {_names(names)}"
    return f" Not checked yet: whether {keys} {'is' if len(names) == 1 else 'are'} that of purges (edgeward doctor)."


def _pending(count: int) -> str:
    if not count:
        return ""
    requests = f"{counted(count, 'request')} that broke off {'has' if count == 1 else 'have'} no answer yet"
    return f" {requests}; what comes is judged or purged."


def _accepted(summary: OrderSummary) -> str:
    """Why the purges that caches accepted are not verified, each reason once."""
    by_reason: dict[str, list[str]] = {}
    for name in summary.accepted:
        by_reason.setdefault(summary.caches[name].why_accepted, []).append(name)
    return "; ".join(f"{_names(names)} {why}" for why, names in by_reason.items())


def _gone(summary: OrderSummary) -> str:
    names = _names(summary.caches)
    if summary.copies or not summary.met[Met.NONE]:
        return f"gone: every copy that Edgeward knew of, in every cache it is told of ({names})"
    return f"nothing is left where purges look, in every cache that Edgeward is told of ({names})"


def met(summary: OrderSummary) -> str:
    """What the purges met: copies, none, or nobody knows."""
    lost = [name for name, total in summary.caches.items() if total.answers_lost]
    silent = [name for name, total in summary.caches.items() if total.met[Met.UNKNOWN] > total.answers_lost]
    parts = [f"{counted(summary.copies, 'copy', 'copies')} removed"] if summary.copies else []
    if not summary.copies and summary.met[Met.NONE]:
        parts.append("No other cache had a copy" if silent or lost else "No cache had a copy")
    if silent:
        parts.append(f"{_names(silent)} {'does' if len(silent) == 1 else 'do'} not tell whether there was a copy")
    if lost:
        parts.append(f"an answer of {_names(lost)} was lost, so whether a copy was removed there is not known")
    return "; ".join(parts) or "No purge was carried out"


def refusals(summary: OrderSummary) -> str:
    """Which caches refuse how many purges, and why, or what to do; and that they are retried, unless nobody does."""
    found = []
    for name, count in summary.refused.items():
        why = summary.caches[name].refused_detail
        if name in summary.absent:
            reason = f" ({why})" if why else ""
            found.append(f"{name} has refused {counted(count, 'purge')}{reason}, and {IN_NO_SETTINGS}: {ADVICE}")
            continue
        advice = "; fix its access rules or credentials (`edgeward purges ID` shows the answer of the cache)"
        found.append(f"{name} refuses {counted(count, 'purge')}{f' ({why})' if why else advice}; {RETRIED}")
    return ", ".join(found)


def unknowns(summary: OrderSummary) -> list[str]:
    """What may be left in each cache, and why."""
    if not summary.caches and summary.state in (ReceiptState.UNKNOWN, ReceiptState.NOTHING):
        return [NO_CACHE]
    found = [f"{name}: {_forgotten(total)}" for name, total in summary.caches.items() if total.forgotten]
    for name, count in summary.not_known.items():
        found.append(_not_carried_out(name, count, summary.caches[name]))
    for name, total in summary.caches.items():
        if total.other_key:
            found.append(_other_key(name, total))
    for name, total in summary.caches.items():
        if total.differs:
            found.append(f"{name}: controllers may purge different caches under this name ({total.differs})")
    found += [f"{name}: sightings were lost with the store's data" for name in summary.store_lost]
    if count := summary.silent_processes:
        what = f"{counted(count, 'process', 'processes')} of Edgeward {'does' if count == 1 else 'do'} not report"
        found.append(f"{what}: what {'it' if count == 1 else 'they'} had in hand is not known")
    if count := summary.unjudged:
        responses = f"{counted(count, 'response')} that broke off {'is' if count == 1 else 'are'} not judged yet"
        found.append(f"{responses}{_at_hosts(summary.unjudged_hosts)}, and a cache may hold what they had")
    for name, count in summary.unjudged_refused.items():
        purges = f"{counted(count, 'purge')} of responses that broke off{_at_hosts(summary.unjudged_hosts)}"
        found.append(f"{name} refuses {purges}; fix its access rules; {RETRIED}")
    return found


def _other_key(name: str, total: CacheTotal) -> str:
    if not total.other_key_until:
        return f"{name} stores copies under keys that purges do not have ({total.other_key})"
    return (
        f"{name} stored copies under keys that purges did not have ({total.other_key}) until "
        f"{moment(total.other_key_until)}, and they may still be there: empty it, and then say so: "
        f"edgeward caches emptied {name}"
    )


def _not_carried_out(name: str, count: int, total: CacheTotal) -> str:
    why = f" ({total.unsupported_detail})" if total.unsupported_detail else ""
    more = count - len(total.unsupported_targets)
    rest = f" and {counted(more, 'more purge')}" if more > 0 else ""
    of = f": {', '.join(total.unsupported_targets)}{rest}" if total.unsupported_targets else ""
    left = "copies may be left" if total.unsupported_seen else "copies that were never seen may be left"
    return f"{name} can't carry out {counted(count, 'purge')} of this kind, so {left}{why}{of}"


def _forgotten(total: CacheTotal) -> str:
    """How many targets were forgotten, where and why."""
    text = f"{counted(total.forgotten, 'target')} {'was' if total.forgotten == 1 else 'were'} forgotten"
    text += _at_hosts(total.forgotten_hosts, total.forgotten_host_count)
    reasons = {
        "their responses could not be judged or recorded": total.forgotten_lost,
        "more were requested than are recorded": total.forgotten_beyond_limits,
    }
    known = [why if count == total.forgotten else f"{count}: {why}" for why, count in reasons.items() if count]
    return f"{text} ({', '.join(known)})" if known else text


def _at_hosts(hosts: Sequence[str], count: int = 0) -> str:
    """ " at a.test, b.test, c.test and 2 more"; "" if no host is known."""
    # Clients may send long ones.
    names = [host if len(host) <= HOST_CHARACTERS else f"{host[:HOST_CHARACTERS]}..." for host in hosts]
    return f" at {listed(names, HOSTS_NAMED, count)}" if names else ""


def _nothing_found(summary: OrderSummary) -> str:
    if not summary.caches:
        return "no cache is configured"
    if not any(summary.met.values()):
        return "no copy was seen"
    return f"no copy was seen. {met(summary)}"


def _owing(owed: Mapping[str, int]) -> str:
    return ", ".join(f"{name} owes {counted(count, 'purge')}" for name, count in owed.items())


def _owed(summary: OrderSummary, next_: str) -> str:
    """Which caches owe purges, and what becomes of them. `next_`: what is said of those that some controller has."""
    driven = {name: count for name, count in summary.owed.items() if name not in summary.absent}
    absent = {name: count for name, count in summary.owed.items() if name in summary.absent}
    found = [f"{_owing(driven)}{next_}"] if driven else []
    if absent:
        found.append(f"{_owing(absent)}, and {IN_NO_SETTINGS}: {ADVICE}")
    return "; ".join(found)


def _names(caches: Iterable[str]) -> str:
    return listed(caches, CACHES_PER_SENTENCE)
