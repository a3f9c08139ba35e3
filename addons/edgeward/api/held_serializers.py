"""Held updates as JSON objects. docs/api.md describes each key."""

from typing import Any

from edgeward.operations.held_updates import HeldUpdate, describe

type Json = dict[str, Any]


def held_update(value: HeldUpdate) -> Json:
    """`at_least`: there was no time to count all. `sampled`: the numbers are of so many of `images_seen`; 0: of all."""
    judged, effect = value.judgement, value.judgement.effect
    return {
        "id": value.id,
        "kind": value.kind,
        "list": value.list,
        "what": describe(value),
        "by": value.by,
        "at": value.at,
        "why": value.why,
        "state": value.state,
        "error": value.error,
        "statement": value.statement if value.is_held else "",
        "reasons": list(judged.reasons),
        "images": effect.images,
        "targets": effect.targets,
        "hosts": effect.hosts,
        "protected": effect.protected,
        "protected_hashes": judged.protected_hashes,
        "seen_in_last_day": judged.seen,
        "at_least": effect.unsearched > 0,
        "sampled": judged.sampled,
        "images_seen": judged.images,
        "values": None if value.values is None else dict(value.values),
    }
