"""Results of operations as JSON objects: what answers look like. docs/api.md describes each key."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from edgeward.access.tokens import Token
from edgeward.api.held_serializers import held_update
from edgeward.operations import held_updates
from edgeward.operations.entries import EntriesAdded
from edgeward.operations.lists import ListChanged, ListStatus
from edgeward.operations.matchability import NotMatching
from edgeward.operations.order_totals import OrderSummary
from edgeward.operations.purges import OrderStatus, PurgesOrdered
from edgeward.operations.receipts import EntryReceipt, OrdersPage, TakedownReceipt
from edgeward.operations.statements import LIMITS, statement, unknowns
from edgeward.operations.status import Readiness, SystemStatus
from edgeward.operations.store import RefillResult
from edgeward.operations.takedown_summary import TakedownSummary
from edgeward.operations.takedowns import TakedownResult, TakedownStatus
from edgeward.operations.waiting import ChangeStatus, PurgeStatus
from edgeward.quantities import HOSTS_NAMED
from edgeward.sightings.sightings import SightingRecord
from edgeward.types import Change, Entry, Incident, Outcome, Signal, Target
from edgeward.types.outcome_words import word_of

type Json = dict[str, Any]


def change_status(value: ChangeStatus) -> Json:
    return {"version": value.version, **in_force(value)}


def in_force(value: ChangeStatus) -> Json:
    silent = [asdict(each) for each in value.silent]
    return {"active": value.active, "waiting_for": value.waiting_for, "silent": silent}


def purge_status(value: PurgeStatus) -> Json:
    return {
        "orders": value.orders,
        "owed": value.owed,
        "refused": value.refused,
        "matched": value.matched,
        **_known(value.summary),
    }


def _known(value: OrderSummary) -> Json:
    """What is known of the copies. `accepted`, `not_known`, `forgotten`: by cache."""
    return {
        "state": value.state,
        "statement": statement(value),
        "not_scanned": list(value.not_scanned),
        "limited": list(value.limited),
        "at": value.at,
        "verified": value.verified,
        "accepted": value.accepted,
        "accepted_why": {name: value.caches[name].why_accepted for name in value.accepted},
        "accepted_is_enough": list(value.accepted_is_enough),
        "not_known": value.not_known,
        "forgotten": value.forgotten,
        "unjudged": value.unjudged,
        "unjudged_refused": dict(value.unjudged_refused),
        "silent_processes": value.silent_processes,
        "unjudged_hosts": list(value.unjudged_hosts[:HOSTS_NAMED]),
        "unjudged_elsewhere": value.unjudged_elsewhere,
        "known_state": value.known_state or value.state,
        "pending": value.pending,
        "unknowns": unknowns(value),
        "copies": value.copies,
        "met": value.met,
        "absent": list(value.absent),
        "nodes": {name: asdict(total) for name, total in value.caches.items()},
    }


def list_status(value: ListStatus) -> Json:
    """`radius` has every type that is compared by distance, defaults included."""
    policy = value.hash_list
    return {
        "name": policy.name,
        "kind": policy.kind,
        "mode": policy.mode,
        "action": policy.action,
        "radius": value.radius,
        "description": policy.description,
        "rotations": policy.rotations,
        "geometry": policy.geometry,
        "protect": policy.protect,
        "hosts": policy.hosts,
        "paths": policy.paths,
        "share": policy.share,
        "expires_at": policy.expires_at,
        "min_quality": policy.min_quality,
        "import_profile": dict(policy.import_profile),
        "entries": value.total,
        "not_matchable": value.not_matchable,
    }


def list_changed(value: ListChanged) -> Json:
    return {**list_status(value.status), **change_status(value.change)}


def entry(value: Entry) -> Json:
    return {
        "id": value.id,
        "list": value.list,
        **signal(value.signal),
        "reason": value.reason,
        "added_by": value.added_by,
        "added_at": value.added_at,
        "act": value.act,
        **({"source_id": value.source_id} if value.source_id else {}),
        **({"tags": value.tags} if value.tags else {}),
        **({"mode": value.mode} if value.mode else {}),
    }


def entries_added(value: EntriesAdded, notes: Sequence[str]) -> Json:
    return {
        **change_status(value.change),
        **({"purge": purge_status(value.purge)} if value.purge else {}),
        "act": value.act,
        "entries": [entry(each) for each in value.entries],
        "notes": notes,
        "not_matching": not_matching(value.not_matching),
    }


def not_matching(values: Sequence[NotMatching]) -> list[Json]:
    """`count` of `of` hashes match nothing; `text` is the whole sentence."""
    return [{"count": each.count, "of": each.total, "why": each.why, "text": each.text} for each in values]


def signal(value: Signal) -> Json:
    return {"type": value.type, "value": value.value, "quality": value.quality}


def target(value: Target) -> Json:
    return {"url": value.url if value.host else "", "vary": dict(value.vary)}


def purge(value: OrderStatus) -> Json:
    order = value.order
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
        "forgotten": order.forgotten,
        "outcomes": {cache: _outcome(each, value.linger_seconds(cache)) for cache, each in value.outcomes.items()},
        "owed": value.owed,
        "absent": list(value.absent),
    }


def purges_ordered(value: PurgesOrdered) -> Json:
    return {
        "purges": [purge(each) for each in value.orders],
        "unmatched": value.unmatched,
        **_known(value.summary),
    }


def _outcome(value: Outcome, linger_seconds: float | None) -> Json:
    return {
        "delivery": value.delivery,
        "word": word_of(value.delivery, value.removed),
        "at": value.at,
        "attempts": value.attempts,
        "status": value.status,
        "detail": value.detail,
        "removed": value.removed,
        "linger_seconds": linger_seconds,
    }


def sighting(value: SightingRecord) -> Json:
    return {**target(value.target), "size": value.target.size, "sha256": value.sha256, "seen_at": value.seen_at}


def incident(value: Incident) -> Json:
    """For a classifier's incident `list`, `entry` and `type` are empty; for all others `classifier` and `label`."""
    return {
        "id": value.id,
        "at": value.at,
        "decision": value.decision,
        "reason": value.reason,
        "hits": value.hits,
        **target(value.target),
        "sha256": value.sha256,
        "list": value.list,
        "entry": value.entry_id,
        "act": value.act,
        "source_id": value.source_id,
        "tags": value.tags,
        "type": value.signal_type,
        "distance": value.distance,
        "view": value.view,
        "frame": value.frame,
        "classifier": value.classifier,
        "label": value.label,
        "score": value.score,
    }


def takedown(value: TakedownStatus) -> Json:
    asked = value.takedown
    held = held_updates.of_takedown(asked, value.progress)
    return {
        "id": asked.id,
        "at": asked.at,
        "by": asked.by,
        "way": asked.way,
        "why": asked.why,
        "urls": len(asked.urls),
        "prefixes": len(asked.prefixes),
        "hashes": len(asked.signals),
        "list": asked.list or None,
        "state": value.state,
        "orders": value.summary.orders.orders if value.summary else value.progress.orders,
        "error": value.progress.error,
        **({"held": held_update(held)} if held.is_held else {}),
        **(_takedown_details(value, value.summary) if value.summary else {}),
    }


def _takedown_details(value: TakedownStatus, summary: TakedownSummary) -> Json:
    """How far it is, and what of it matched nothing."""
    return {
        "receipt_state": summary.orders.state,
        "steps_done": value.progress.steps,
        "steps": value.steps,
        "unmatched": summary.unmatched,
    }


def takedown_result(value: TakedownResult) -> Json:
    return {
        **takedown(value.status),
        "order_ids": value.order_ids,
        "purge": purge_status(value.purge),
        "notes": value.notes,
        "not_matching": not_matching(value.not_matching),
        **(in_force(value.change) if value.change else {}),
    }


def takedown_receipt(value: TakedownReceipt) -> Json:
    """`what` is everything that was requested. `state` is that of the summary."""
    asked = value.status.takedown
    what = {
        "urls": [url.url for url in asked.urls],
        "prefixes": [prefix.url for prefix in asked.prefixes],
        "hashes": [f"{each.type}:{each.value}" for each in asked.signals],
    }
    shown = {**takedown(value.status), "state": value.page.summary.state, "what": what}
    return {"takedown": shown, **(in_force(value.change) if value.change else {}), **_orders_page(value.page)}


def entry_receipt(value: EntryReceipt) -> Json:
    return {
        "entry": entry(value.entry),
        "state": value.page.summary.state,
        **in_force(value.change),
        "matched": value.matched,
        "effect": value.effect,
        "first_blocked": incident(value.first_blocked) if value.first_blocked else None,
        "removed": _removal(value.removal) if value.removal else None,
        **_orders_page(value.page),
    }


def _removal(value: Change) -> Json:
    """`op` tells the removal of the entry from the deletion of its list."""
    return {"at": value.at, "by": value.who, "why": value.why, "from": value.origin, "op": value.op}


def _orders_page(value: OrdersPage) -> Json:
    purges = [purge(each) for each in value.purges]
    return {"summary": _receipt_summary(value.summary), "purges": purges, "cursor": value.cursor}


def _receipt_summary(value: OrderSummary) -> Json:
    return {
        **_known(value),
        "limits": LIMITS,
        "orders": value.orders,
        "first_at": value.first_at,
        "last_at": value.last_at,
        "linger_seconds": value.linger_seconds,
        "delivered": value.delivered,
        "refused": value.refused,
        "owed": value.owed,
    }


def readiness(value: Readiness) -> Json:
    return {
        "ready": value.ready,
        "lists_loaded": value.lists_loaded,
        "store": value.store,
        "version": value.version,
        "contact_age_seconds": None if value.contact_age is None else round(value.contact_age, 3),
        "reasons": value.reasons,
        "store_lost_data": value.lost,
    }


def system_status(value: SystemStatus) -> Json:
    return {
        "version": value.readiness.version,
        "lists": value.lists,
        "entries": value.entries,
        "ready": value.readiness.ready,
        "store": value.readiness.store,
        "reasons": value.readiness.reasons,
        "store_lost_data": value.readiness.lost,
        "replicas": [asdict(each) for each in value.replicas],
        "silent": [asdict(each) for each in value.silent],
        "settings_differ": [asdict(each) for each in value.differing],
        "held_updates": value.held,
        "caches": [asdict(each) for each in value.caches],
        "retro_version": value.retromatch_version,
        "uptime_seconds": round(value.uptime_seconds, 3),
        "forgotten": {"targets": value.forgotten.targets, **asdict(value.forgotten)},
        "sightings_memory": asdict(value.sightings_memory),
        "origins": asdict(value.origins),
    }


def refill_result(value: RefillResult) -> Json:
    """`refill` is the last one; null if there was none."""
    record = asdict(value.record) if value.record else None
    return {
        "needed": value.needed,
        "refill": record,
        "not_restored": value.not_restored,
        "sightings_lost": value.sightings_lost,
        "loss_ended": value.loss_ended,
    }


def token(value: Token) -> Json:
    return {"id": value.id, "name": value.name, "role": value.role, "created_at": value.created_at}
