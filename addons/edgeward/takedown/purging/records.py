"""Orders and outcomes as the store keeps them: JSON, without what goes without saying."""

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from edgeward import metrics
from edgeward.types import Cause, Delivery, Outcome, PurgeOrder, Scope, Target

logger = logging.getLogger(__name__)

type Json = dict[str, Any]

_TEXTS = ("sha256", "entry_id", "why", "by", "tag", "takedown")
"""The fields of an order that are "" where it has none."""
_DAMAGED = (KeyError, ValueError, TypeError, AttributeError)

_dumps = json.JSONEncoder(separators=(",", ":")).encode


def order_to_json(order: PurgeOrder) -> str:
    """Everything but the id, which the store gives."""
    at = order.target
    target: Json = {"scheme": at.scheme, "host": at.host, "path": at.path}
    if at.vary:
        target["vary"] = at.vary
    if at.size:
        target["size"] = at.size
    data: Json = {"target": target, "cause": order.cause, "started_at": order.started_at}
    if order.scope is not Scope.TARGET:
        data["scope"] = order.scope
    data.update({name: text for name in _TEXTS if (text := getattr(order, name))})
    return _dumps(data)


def order_from(order_id: str, data: Mapping[str, Any]) -> PurgeOrder:
    """Raises one of KeyError, ValueError, TypeError, AttributeError where `data` is no order."""
    return PurgeOrder(
        Target.from_dict(data["target"]),
        Cause(data["cause"]),
        data["started_at"],
        scope=Scope(data.get("scope", Scope.TARGET)),
        id=order_id,
        **{name: data[name] for name in _TEXTS if name in data},
    )


def orders_from(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[PurgeOrder]:
    """Orders from (id, data). One that can't be read, written by a later release perhaps, is counted and left out: it
    stays owed, and is in nobody's way."""
    orders = []
    for order_id, data in rows:
        try:
            orders.append(order_from(order_id, data))
        except _DAMAGED as error:
            metrics.gate_errors.labels("purger").inc()
            logger.error("purge order %s can't be read: %s", order_id, type(error).__name__)
    return orders


def outcome_to_json(outcome: Outcome) -> str:
    """Everything but the order's id and the cache's name: it is kept under these. `delivery` comes first."""
    detail = f',"detail":{_dumps(outcome.detail)}' if outcome.detail else ""
    return (
        f'{{"delivery":"{outcome.delivery}","at":{outcome.at:.6f},"attempts":{outcome.attempts},'
        f'"status":{outcome.status}{detail}}}'
    )


def outcome_from(order_id: str, cache: str, data: Mapping[str, Any]) -> Outcome:
    delivery = Delivery(data["delivery"])
    return Outcome(order_id, cache, delivery, data["at"], data["attempts"], data["status"], data.get("detail", ""))
