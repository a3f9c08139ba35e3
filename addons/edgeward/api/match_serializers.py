"""Fingerprints, matches and checks as JSON objects. docs/api.md describes each key."""

from edgeward.api import serializers
from edgeward.api.serializers import Json
from edgeward.operations.check import CheckResult
from edgeward.types import Fingerprint, HashList, Match


def fingerprint(value: Fingerprint) -> Json:
    return {
        "sha256": value.sha256,
        "media_type": value.media_type,
        "size": value.size,
        "width": value.width,
        "height": value.height,
        "flaw": value.flaw,
        "signals": [{**serializers.signal(each), "view": each.view, "frame": each.frame} for each in value.signals],
    }


def match(value: Match, of: HashList) -> Json:
    return {
        "list": of.name,
        "mode": of.mode,
        "kind": of.kind,
        "entry": value.entry.id,
        "act": value.entry.act,
        "type": value.signal.type,
        "distance": value.distance,
        "view": value.signal.view,
        "frame": value.signal.frame,
        "reason": value.entry.reason,
        **({"source_id": value.entry.source_id} if value.entry.source_id else {}),
        **({"tags": value.entry.tags} if value.entry.tags else {}),
    }


def check_result(value: CheckResult) -> Json:
    return {
        "decision": value.decision,
        "reason": value.reason,
        "fingerprint": fingerprint(value.fingerprint),
        "matches": [match(*each) for each in value.matches],
        "version": value.version,
    }
