"""What became of purges, as the API tells it: added up over several answers, and in words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from edgeward.quantities import counted

type Json = dict[str, Any]

STATES = (
    "placing", "purging", "owed", "refused", "unknown", "inactive", "accepted", "gone", "nothing",
)  # fmt: skip
"""Of several answers the first of these states counts: what is missing comes first."""
_EARLIEST, _LATEST = ("first_at",), ("last_at", "linger_seconds", "at")


def merged(answers: Sequence[Json]) -> Json:
    """One `purge` object for those of several requests."""
    result: Json = {
        "orders": sum(each["orders"] for each in answers),
        "owed": _added(each["owed"] for each in answers),
        "refused": _added(each.get("refused", {}) for each in answers),
        "matched": all(each["matched"] for each in answers),
        # Each request asked all workers: what is unjudged is the same for all of them.
        "unjudged": max(each.get("unjudged", 0) for each in answers),
    }
    if not all("state" in each for each in answers):
        return result
    nodes: dict[str, Json] = {}
    for each in answers:
        for name, node in each["nodes"].items():
            nodes[name] = _added_node(nodes[name], node) if name in nodes else node
    return result | {
        "state": min((each["state"] for each in answers), key=STATES.index),
        "statement": " ".join(dict.fromkeys(each["statement"] for each in answers)),
        "at": max(each["at"] for each in answers),
        "verified": sum(each["verified"] for each in answers),
        "copies": sum(each["copies"] for each in answers),
        **{key: _added(each[key] for each in answers) for key in ("accepted", "not_known", "forgotten", "met")},
        # As "unjudged".
        "pending": max(each.get("pending", 0) for each in answers),
        "unjudged_refused": _largest(each.get("unjudged_refused", {}) for each in answers),
        "unknowns": list(dict.fromkeys(text for each in answers for text in each["unknowns"])),
        "nodes": nodes,
    }


def done(purge: Json) -> list[str]:
    """What is printed when no cache owes or refuses anything. Accepted purges are not called verified."""
    orders, accepted = counted(purge["orders"], "purge"), purge.get("accepted", {})
    statement = [purge["statement"]] if purge.get("statement") else []
    if purge.get("state") == "inactive":
        return ["nothing is purged for it", *statement]
    if not purge["orders"]:
        return ["no copy was seen, so nothing was purged", *statement]
    if accepted:
        return [
            f"{orders} done: {purge['verified']} verified, {sum(accepted.values())} accepted by {', '.join(accepted)}",
            *statement,
        ]
    return [f"{orders} done and verified" if purge.get("verified") else f"{orders} done", *statement]


def not_known(purge: Mapping[str, Any]) -> list[str]:
    """A sentence on everything that is not known to be gone."""
    return [f"not known to be gone: {text}" for text in purge.get("unknowns", ())]


def refusals(purge: Mapping[str, Any]) -> dict[str, str]:
    """By cache, why it refused a purge. An older API does not say it."""
    return {name: node.get("refused_detail", "") for name, node in purge.get("nodes", {}).items()}


def _added(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _largest(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total |= Counter(each)
    return dict(total)


def _added_node(one: Json, other: Json) -> Json:
    """The totals of a cache in two answers."""
    node: Json = {}
    for key, value in one.items():
        both = [each for each in (value, other[key]) if each is not None]
        if key == "met":
            node[key] = _added(both)
        elif isinstance(value, str):
            node[key] = value or other[key]
        elif key in _EARLIEST:
            node[key] = min(both, default=None)
        elif key in _LATEST:
            node[key] = max(both, default=None)
        else:
            node[key] = sum(both)
    return node
