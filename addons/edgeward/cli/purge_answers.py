"""What became of purges, as the API tells it, in words."""

from collections.abc import Mapping
from typing import Any

from edgeward.quantities import counted

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
    return f"{orders} done and verified" if purge.get("verified") else f"{orders} done"


def _carried_out(purge: Json) -> str:
    verified, accepted = f"{purge.get('verified', 0)} verified", purge.get("accepted")
    return f"{verified}, {sum(accepted.values())} accepted by {', '.join(accepted)}" if accepted else verified


def _not_carried_out(unsupported: Mapping[str, int]) -> str:
    return ", ".join(f"{name} can't carry out {count} of them" for name, count in unsupported.items())


def not_known(purge: Mapping[str, Any]) -> list[str]:
    """A sentence on everything that is not known to be gone."""
    return [f"not known to be gone: {text}" for text in purge.get("unknowns", ())]


def refusals(purge: Mapping[str, Any]) -> dict[str, str]:
    """By cache, why it refused a purge. An older API does not say it."""
    return {name: node.get("refused_detail", "") for name, node in purge.get("nodes", {}).items()}
