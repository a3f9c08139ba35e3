"""The name of what a purge order removes, for sentences."""

from edgeward.types import PurgeOrder, Scope

NAME_CHARACTERS = 200
"""Longest name. A URL may be much longer."""


def name_of(order: PurgeOrder) -> str:
    """The target or prefix of an order, for a sentence: a client has chosen it."""
    if not order.target.host:
        return "every host"
    text = f"{order.target.url}{'*' if order.scope is Scope.PREFIX else ''}"
    printable = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    return printable if len(printable) <= NAME_CHARACTERS else f"{printable[:NAME_CHARACTERS]}..."
