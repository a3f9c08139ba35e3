"""What became of purges, as the API tells it, in words."""

from collections.abc import Mapping
from typing import Any

from edgeward.quantities import counted
from edgeward.types.accepted_purges import CAN_NOT_BE_ASKED, what_next
from edgeward.types.outcome_words import ReceiptState

type Json = dict[str, Any]


def done(purge: Json) -> list[str]:
    """What is printed when no cache owes or refuses anything. Accepted purges are not called verified, and those that a
    cache can't carry out are not called done."""
    return [_outcome(purge), *([purge["statement"]] if purge.get("statement") else [])]


def _outcome(purge: Json) -> str:
    """Counts of outcomes are of all caches: two caches have two outcomes of one purge."""
    orders, inactive = counted(purge["orders"], "purge"), purge.get("state") == "inactive"
    if not purge["orders"]:
        return "nothing is purged for it" if inactive else "no copy was seen, so nothing was purged"
    unsupported = {name: count for name, node in purge.get("nodes", {}).items() if (count := node.get("unsupported"))}
    if unsupported:
        return f"{orders} ordered: {_carried_out(purge)}; {_not_carried_out(unsupported)}"
    if inactive:
        return f"{orders} done"
    if purge.get("accepted"):
        return f"{orders} done: {_carried_out(purge)}"
    if purge.get("state") == ReceiptState.FOUND_NOTHING:
        return f"{orders} done: found nothing"
    return f"{orders} done and verified" if purge.get("verified") else f"{orders} done"


def _carried_out(purge: Json) -> str:
    nothing = sum(node.get("found_nothing", 0) for node in purge.get("nodes", {}).values())
    parts = [f"{purge.get('verified', 0) - nothing} verified"]
    if nothing:
        parts.append(f"{nothing} found nothing")
    if accepted := purge.get("accepted"):
        parts.append(f"{sum(accepted.values())} accepted by {', '.join(accepted)}")
    return ", ".join(parts)


def _not_carried_out(unsupported: Mapping[str, int]) -> str:
    return ", ".join(f"{name} can't carry out {count} of them" for name, count in unsupported.items())


def is_accepted(purge: Mapping[str, Any]) -> bool:
    """Whether every purge is carried out, and some are not verified: what was done is said then too."""
    return purge.get("state") == ReceiptState.ACCEPTED


def not_verified(purge: Mapping[str, Any]) -> list[str]:
    """A sentence on each cache that accepted purges, where its settings do not say that this is enough."""
    enough = purge.get("accepted_is_enough", ())
    why = dict.fromkeys(purge.get("accepted", {}), CAN_NOT_BE_ASKED) | purge.get("accepted_why", {})
    return [
        f"accepted, not verified: {name} took {counted(count, 'purge')} and {why[name]}; {what_next(why[name])}"
        for name, count in purge.get("accepted", {}).items()
        if name not in enough
    ]


def not_known(purge: Mapping[str, Any]) -> list[str]:
    """A sentence on everything that is not known to be gone."""
    return [f"not known to be gone: {text}" for text in purge.get("unknowns", ())]


def refusals(purge: Mapping[str, Any]) -> dict[str, str]:
    """By cache, why it refused a purge. An older API does not say it."""
    return {name: node.get("refused_detail", "") for name, node in purge.get("nodes", {}).items()}
