"""What an answer looks like: the words of types.py as JSON objects."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from edgeward.control.auth import Token
from edgeward.hashing.joint import is_matchable
from edgeward.hashing.registry import default_radius, measured
from edgeward.takedown.removals.takedowns import Progress, Takedown
from edgeward.takedown.seen.sightings import Seen
from edgeward.types import (
    Delivery,
    Entry,
    Fingerprint,
    HashList,
    Incident,
    Match,
    Outcome,
    PurgeOrder,
    Signal,
    Target,
)

type Json = dict[str, Any]

GONE = frozenset({Delivery.VERIFIED, Delivery.DELIVERED})
FINAL = frozenset({Delivery.VERIFIED, Delivery.DELIVERED, Delivery.REFUSED})
"""What a cache answered for good. WAITING, or no outcome at all: it still owes the order."""


def hash_list(value: HashList, counts: Mapping[str, int], types: Collection[str]) -> Json:
    """`counts`: its entries by signal type; `types`: those that images are given, so that the others match nothing.

    `radius` names every type that is compared by distance with what counts, defaults included.
    """
    return {
        "name": value.name,
        "kind": value.kind,
        "mode": value.mode,
        "action": value.action,
        "radius": {**{name: default_radius(name) for name in measured()}, **value.radius},
        "description": value.description,
        "rotations": value.rotations,
        "geometry": value.geometry,
        "entries": sum(counts.values()),
        "not_matchable": {name: number for name, number in counts.items() if not is_matchable(name, types)},
    }


def entry(value: Entry) -> Json:
    return {
        "id": value.id,
        "list": value.list,
        **signal(value.signal),
        "reason": value.reason,
        "added_by": value.added_by,
        "added_at": value.added_at,
    }


def signal(value: Signal) -> Json:
    return {"type": value.type, "value": value.value, "quality": value.quality}


def fingerprint(value: Fingerprint) -> Json:
    return {
        "sha256": value.sha256,
        "media_type": value.media_type,
        "size": value.size,
        "width": value.width,
        "height": value.height,
        "flaw": value.flaw,
        "signals": [{**signal(each), "view": each.view, "frame": each.frame} for each in value.signals],
    }


def match(value: Match, of: HashList) -> Json:
    return {
        "list": of.name,
        "mode": of.mode,
        "kind": of.kind,
        "entry": value.entry.id,
        "type": value.signal.type,
        "distance": value.distance,
        "view": value.signal.view,
        "frame": value.signal.frame,
        "reason": value.entry.reason,
    }


def target(value: Target) -> Json:
    return {"url": value.url if value.host else "", "vary": dict(value.vary)}


def purge(order: PurgeOrder, outcomes: Mapping[str, Outcome], caches: Iterable[str]) -> Json:
    """One order and what each cache made of it. `owed`: the configured caches without a final outcome."""
    return {
        "id": order.id,
        **target(order.target),
        "scope": order.scope,
        "tag": order.tag,
        "cause": order.cause,
        "started_at": order.started_at,
        "sha256": order.sha256,
        "entry": order.entry_id,
        "takedown": order.takedown,
        "why": order.why,
        "by": order.by,
        "outcomes": {cache: _outcome(order, outcome) for cache, outcome in outcomes.items()},
        "owed": [cache for cache in caches if cache not in outcomes or outcomes[cache].delivery not in FINAL],
    }


def _outcome(order: PurgeOrder, value: Outcome) -> Json:
    """`linger_seconds`: from the listing, or the match in transit, to the copy gone; null while it may be there."""
    return {
        "delivery": value.delivery,
        "at": value.at,
        "attempts": value.attempts,
        "status": value.status,
        "detail": value.detail,
        "linger_seconds": max(0.0, value.at - order.started_at) if value.delivery in GONE else None,
    }


def sighting(value: Seen) -> Json:
    return {**target(value.target), "size": value.target.size, "sha256": value.sha256, "seen_at": value.seen_at}


def incident(value: Incident) -> Json:
    """Of one by a classifier `list`, `entry` and `type` are empty; of all others `classifier` and `label` are."""
    return {
        "id": value.id,
        "at": value.at,
        "decision": value.decision,
        "reason": value.reason,
        **target(value.target),
        "sha256": value.sha256,
        "list": value.list,
        "entry": value.entry_id,
        "type": value.signal_type,
        "distance": value.distance,
        "view": value.view,
        "frame": value.frame,
        "classifier": value.classifier,
        "label": value.label,
        "score": value.score,
    }


def takedown(value: Takedown, progress: Progress) -> Json:
    """Who said that what is gone. `state`: "placing" until all its orders are placed, then "placed"."""
    return {
        "id": value.id,
        "at": value.at,
        "by": value.by,
        "way": value.way,
        "why": value.why,
        "urls": len(value.urls),
        "prefixes": len(value.prefixes),
        "hashes": len(value.signals),
        "list": value.list or None,
        "state": "placed" if progress.placed_at else "placing",
        "orders": progress.orders,
        "trouble": progress.trouble,
    }


def token(value: Token) -> Json:
    return {"id": value.id, "name": value.name, "role": value.role, "created_at": value.created_at}
