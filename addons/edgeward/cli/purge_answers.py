"""What became of purges, as the API tells it, in words."""

from collections.abc import Mapping
from typing import Any

from edgeward.quantities import counted

type Json = dict[str, Any]


def done(purge: Json) -> list[str]:
    """What is printed when no cache owes or refuses anything. Accepted purges are not called verified."""
    orders, accepted = counted(purge["orders"], "purge"), purge.get("accepted", {})
    statement = [purge["statement"]] if purge.get("statement") else []
    if purge.get("state") == "inactive":
        return [f"{orders} done" if purge["orders"] else "nothing is purged for it", *statement]
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
