"""The JSON of orders and outcomes in the store, without fields that have their default.

A long target is stored in "packed" instead of "target": as in the store of sightings (sightings/codec.py), in base64.
"""

import base64
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from edgeward import metrics
from edgeward.background.readable_records import readable
from edgeward.errors import LaterRelease
from edgeward.sightings.codec import LONG_BYTES, pack_target, unpack_target
from edgeward.types import NO_TARGET, Cause, Delivery, Outcome, PurgeOrder, Scope, Target, placed_at
from edgeward.types.later_releases import DECODE_ERRORS, check_version, known_or

logger = logging.getLogger(__name__)

_OPTIONAL_FIELDS = ("sha256", "entry_id", "why", "by", "tag", "takedown", "nonce")
"""The text fields of an order that are left out when they are empty."""
_SCOPES = frozenset(Scope)
_ORDER = b"order"
"""The field of an item of the stream."""
MAX_LOGGED = 1000
_logged: dict[str, None] = {}
"""The orders that could not be read and were logged so: each is looked at again and again."""

_dumps = json.JSONEncoder(separators=(",", ":")).encode


def order_to_json(order: PurgeOrder, nonce: str = "") -> str:
    """All fields except the id, which the store gives. `nonce`: in place of the order's own."""
    data: dict[str, Any] = {**_target_fields(order.target), "cause": order.cause, "started_at": order.started_at}
    if order.scope is not Scope.TARGET:
        data["scope"] = order.scope
    if order.forgotten:
        data["forgotten"] = order.forgotten
    if order.unanswered:
        data["unanswered"] = True
    if order.seen_at:
        data["seen_at"] = int(order.seen_at)
    data.update({name: text for name in _OPTIONAL_FIELDS if (text := getattr(order, name))})
    if nonce:
        data["nonce"] = nonce
    return _dumps(data)


def order_from_dict(order_id: str, data: Mapping[str, Any]) -> PurgeOrder:
    """Read an order.

    Raises:
        LaterRelease: only a later release can carry it out.
        KeyError, ValueError, TypeError, AttributeError: `data` is not an order.
    """
    check_version(data, "a purge order")
    scope = data.get("scope", Scope.TARGET)
    if scope not in _SCOPES:
        raise LaterRelease("a purge order removes what only a later release of Edgeward can name: upgrade this one")
    return PurgeOrder(
        _target_of(data),
        known_or(data["cause"], Cause.UNKNOWN),
        data["started_at"],
        scope=Scope(scope),
        forgotten=int(data.get("forgotten", 0)),
        unanswered=bool(data.get("unanswered")),
        seen_at=float(data.get("seen_at", 0)),
        id=order_id,
        **{name: data[name] for name in _OPTIONAL_FIELDS if name in data},
    )


def order_or_stand_in(order_id: str, data: Mapping[str, Any]) -> PurgeOrder:
    """Read an order. One that can't be read is given without its target: what became of it is known all the same."""
    try:
        return order_from_dict(order_id, data)
    except DECODE_ERRORS:
        metrics.unreadable_records.labels("order").inc()
        return PurgeOrder(NO_TARGET, Cause.UNKNOWN, placed_at(order_id), id=order_id)


def orders_from_rows(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[PurgeOrder]:
    """Read orders from (id, data). Unreadable ones are counted and left out.

    A later release may have written them. They stay owed in the store and delay no other order.
    """
    orders = []
    for order_id, data in rows:
        try:
            orders.append(order_from_dict(order_id, data))
        except DECODE_ERRORS as error:
            metrics.unreadable_records.labels("order").inc()
            if order_id not in _logged:
                _logged[order_id] = None
                logger.error("purge order %s can't be read: %s", order_id, type(error).__name__)
            while len(_logged) > MAX_LOGGED:
                del _logged[next(iter(_logged))]
    return orders


def rows_from_items(items: Iterable[tuple[str, Mapping[bytes, bytes]]]) -> list[tuple[str, Any]]:
    """(id, data) of items of the stream of orders; data is None where it is no JSON."""
    return [(order_id, next(iter(readable("order", [fields[_ORDER]], json.loads)), None)) for order_id, fields in items]


def outcome_to_json(outcome: Outcome) -> str:
    """All fields except the order's id and the cache's name, which are its Redis key and field.

    `delivery` comes first: the script in completion.py reads it without parsing the rest.
    """
    detail = f',"detail":{_dumps(outcome.detail)}' if outcome.detail else ""
    removed = "" if outcome.removed is None else f',"removed":{outcome.removed}'
    timed_out = ',"timed_out":true' if outcome.timed_out else ""
    return (
        f'{{"delivery":"{outcome.delivery}","at":{outcome.at:.6f},"attempts":{outcome.attempts},'
        f'"status":{outcome.status}{removed}{timed_out}{detail}}}'
    )


def outcome_from_dict(order_id: str, cache: str, data: Mapping[str, Any]) -> Outcome:
    """Read an outcome. Raises KeyError or ValueError if `data` is not one.

    A delivery that only a later release knows says nothing here: the purge counts as WAITING.
    """
    delivery = known_or(data["delivery"], Delivery.WAITING)
    removed = None if data.get("removed") is None else int(data["removed"])
    detail, timed_out = data.get("detail", ""), bool(data.get("timed_out"))
    return Outcome(order_id, cache, delivery, data["at"], data["attempts"], data["status"], detail, removed, timed_out)


def outcomes_from_dict(order_id: str, outcomes: Mapping[str, Mapping[str, Any]]) -> dict[str, Outcome]:
    """The outcomes of an order by cache. One that can't be read counts as WAITING."""
    found = {}
    for cache, data in outcomes.items():
        try:
            found[cache] = outcome_from_dict(order_id, cache, data)
        except DECODE_ERRORS:
            metrics.unreadable_records.labels("outcome").inc()
            found[cache] = Outcome(order_id, cache, Delivery.WAITING, placed_at(order_id))
    return found


def _target_fields(target: Target) -> dict[str, Any]:
    if target.length >= LONG_BYTES:
        return {"packed": base64.b64encode(pack_target(target)).decode()}
    fields: dict[str, Any] = {"scheme": target.scheme, "host": target.host, "path": target.path}
    if target.vary:
        fields["vary"] = target.vary
    if target.size:
        fields["size"] = target.size
    if target.key_headers:
        fields["key_headers"] = target.key_headers
    return {"target": fields}


def _target_of(data: Mapping[str, Any]) -> Target:
    if "packed" in data:
        return unpack_target(base64.b64decode(data["packed"]))
    return Target.from_dict(data["target"])
