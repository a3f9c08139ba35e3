"""The JSON of orders and outcomes in the store, without fields that have their default.

A long target is stored in "packed" instead of "target": as in the store of sightings (sightings/codec.py), in base64.
"""

import base64
import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from edgeward import metrics
from edgeward.sightings.codec import LONG_BYTES, pack_target, unpack_target
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, Scope, Target

logger = logging.getLogger(__name__)

_OPTIONAL_FIELDS = ("sha256", "entry_id", "why", "by", "tag", "takedown")
"""The text fields of an order that are left out when they are empty."""
_DECODE_ERRORS = (KeyError, ValueError, TypeError, AttributeError)

_dumps = json.JSONEncoder(separators=(",", ":")).encode


def order_to_json(order: PurgeOrder) -> str:
    """All fields except the id, which the store gives."""
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
    return _dumps(data)


def order_from_dict(order_id: str, data: Mapping[str, Any]) -> PurgeOrder:
    """Read an order.

    Raises:
        KeyError, ValueError, TypeError, AttributeError: `data` is not an order.
    """
    return PurgeOrder(
        _target_of(data),
        Cause(data["cause"]),
        data["started_at"],
        scope=Scope(data.get("scope", Scope.TARGET)),
        forgotten=int(data.get("forgotten", 0)),
        unanswered=bool(data.get("unanswered")),
        seen_at=float(data.get("seen_at", 0)),
        id=order_id,
        **{name: data[name] for name in _OPTIONAL_FIELDS if name in data},
    )


def orders_from_rows(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[PurgeOrder]:
    """Read orders from (id, data). Unreadable ones are counted and left out.

    A later release may have written them. They stay owed in the store and delay no other order.
    """
    orders = []
    for order_id, data in rows:
        try:
            orders.append(order_from_dict(order_id, data))
        except _DECODE_ERRORS as error:
            metrics.gate_errors.labels("purger").inc()
            logger.error("purge order %s can't be read: %s", order_id, type(error).__name__)
    return orders


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
    """Read an outcome. Raises KeyError or ValueError if `data` is not one."""
    delivery = Delivery(data["delivery"])
    removed = None if data.get("removed") is None else int(data["removed"])
    detail, timed_out = data.get("detail", ""), bool(data.get("timed_out"))
    return Outcome(order_id, cache, delivery, data["at"], data["attempts"], data["status"], detail, removed, timed_out)


def _target_fields(target: Target) -> dict[str, Any]:
    if target.length >= LONG_BYTES:
        return {"packed": base64.b64encode(pack_target(target)).decode()}
    fields: dict[str, Any] = {"scheme": target.scheme, "host": target.host, "path": target.path}
    if target.vary:
        fields["vary"] = target.vary
    if target.size:
        fields["size"] = target.size
    return {"target": fields}


def _target_of(data: Mapping[str, Any]) -> Target:
    if "packed" in data:
        return unpack_target(base64.b64decode(data["packed"]))
    return Target.from_dict(data["target"])
