"""What one cache did with many purge orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from edgeward.operations.order_name import name_of
from edgeward.types import Delivery, Met, Outcome, PurgeOrder, Scope
from edgeward.types.accepted_purges import ANSWER_LOST, why_accepted
from edgeward.types.linger import linger_between

NAMED_TARGETS = 3
"""Targets that a cache can't purge, of which a sentence has the names."""


@dataclass(slots=True)
class CacheTotal:
    """What one cache did with all orders: counts by outcome, and times in Unix seconds.

    Attributes:
        unsupported: orders that this kind of cache can't carry out.
        not_known: those of them that leave copies which may not be gone: by prefix, or for a target. An order by tag is
            not among them: each known target of its image has its own order.
        forgotten: targets that were forgotten and that no order carried out here stands for.
        forgotten_lost: those of them whose responses could not be judged or recorded.
        forgotten_beyond_limits: those of one image, of which more were requested than are recorded.
        forgotten_hosts: the hosts with the most of them, at most HOSTS_NAMED.
        forgotten_host_count: how many hosts they have.
        refused_detail: what the cache said to the last one that it refused; "" if it refused none.
        delivered_detail: why the last one of `delivered` is not verified; "" if the cache did not say.
        answers_lost: those carried out of which an answer was lost, so what they met is not known.
        unsupported_detail: why it can't carry out those in `not_known`.
        unsupported_targets: the first of those, by name, at most NAMED_TARGETS.
        unsupported_seen: one of those is for a target that was seen or asked for: its very copy may be left.
        store_lost: 1 if sightings were lost with the store's data: nobody knows of which copies.
        copies: copies that were removed.
        met: orders carried out, by what they met.
        linger_seconds: the longest time from an order's start to its purge; None if it is not known.
        found_nothing: those verified that met no copy.
        other_key: what is known of its cache key, if that has, or had, more in it than these purges; else "".
        other_key_until: when its key was that of purges again, Unix seconds; 0.0: it is not, or `other_key` is "".
        unchecked_key: purges were verified, and whether its key is theirs has never been checked.
        differs: how the settings of live controllers differ, if they may purge different caches under this name.
    """

    verified: int = 0
    delivered: int = 0
    unsupported: int = 0
    refused: int = 0
    owed: int = 0
    not_known: int = 0
    forgotten: int = 0
    forgotten_lost: int = 0
    forgotten_beyond_limits: int = 0
    forgotten_hosts: Sequence[str] = field(default_factory=list)
    forgotten_host_count: int = 0
    refused_detail: str = ""
    unsupported_detail: str = ""
    unsupported_targets: list[str] = field(default_factory=list)
    unsupported_seen: bool = False
    store_lost: int = 0
    copies: int = 0
    met: dict[Met, int] = field(default_factory=lambda: dict.fromkeys(Met, 0))
    first_at: float | None = None
    last_at: float | None = None
    linger_seconds: float | None = None
    found_nothing: int = 0
    other_key: str = ""
    other_key_until: float = 0.0
    unchecked_key: bool = False
    differs: str = ""
    delivered_detail: str = ""
    answers_lost: int = 0

    @property
    def why_accepted(self) -> str:
        """Why those of `delivered` are not verified, said after the name of the cache."""
        return why_accepted(self.delivered_detail, bool(self.differs), bool(self.other_key))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From what `asdict` made of it."""
        met = {each: int(data["met"].get(each, 0)) for each in Met}
        return cls(**{**data, "met": met})

    def add(self, order: PurgeOrder, outcome: Outcome | None, emptied: bool = False) -> None:
        """`emptied`: what the order stands for is gone from every cache, even if this one can't carry it out."""
        if outcome is None or not outcome.is_final:
            self.owed += 1
        elif outcome.delivery is Delivery.REFUSED:
            self.refused += 1
            self.refused_detail = outcome.detail
        elif outcome.delivery is Delivery.UNSUPPORTED:
            self.unsupported += 1
            if order.scope is not Scope.TAG and not order.forgotten and not emptied:
                self._add_not_known(order, outcome)
        else:
            self._add_carried_out(order, outcome)

    def _add_not_known(self, order: PurgeOrder, outcome: Outcome) -> None:
        self.not_known += 1
        self.unsupported_detail = outcome.detail
        self.unsupported_seen |= order.scope is Scope.TARGET
        name = name_of(order)
        if len(self.unsupported_targets) < NAMED_TARGETS and name not in self.unsupported_targets:
            self.unsupported_targets.append(name)

    def _add_carried_out(self, order: PurgeOrder, outcome: Outcome) -> None:
        self.verified += outcome.delivery is Delivery.VERIFIED
        self.delivered += outcome.delivery is Delivery.DELIVERED
        if outcome.delivery is Delivery.DELIVERED:
            self.delivered_detail = outcome.detail
        self.answers_lost += outcome.met is Met.UNKNOWN and outcome.detail == ANSWER_LOST
        self.copies += outcome.removed or 0
        self.met[outcome.met] += 1
        self.first_at = min(self.first_at or outcome.at, outcome.at)
        self.last_at = max(self.last_at or outcome.at, outcome.at)
        self.found_nothing += outcome.delivery is Delivery.VERIFIED and outcome.met is Met.NONE
        if (linger := linger_between(order.started_at, outcome.at)) is not None:
            self.linger_seconds = max(self.linger_seconds or 0.0, linger)
