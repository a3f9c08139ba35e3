"""Fingerprints, matches and checks as JSON objects. docs/api.md describes each key."""

from edgeward.api import serializers
from edgeward.api.serializers import Json
from edgeward.operations.check import CheckResult
from edgeward.types import Fingerprint, HashList, Match
from edgeward.types.signals import ALL_TARGETS


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
        **_limits(of),
    }


def _limits(of: HashList) -> Json:
    """Where a list acts, if that is not everywhere."""
    found: Json = {}
    if of.hosts:
        found["hosts"] = of.hosts
    if of.paths:
        found["paths"] = of.paths
    if of.share < ALL_TARGETS:
        found["share"] = of.share
    return found


def check_result(value: CheckResult) -> Json:
    return {
        "decision": value.decision,
        "reason": value.reason,
        "fingerprint": fingerprint(value.fingerprint),
        "matches": [{**match(one, of), "mode_here": mode} for one, of, mode in value.matches],
        "at": value.target.url if value.target else "",
        "version": value.version,
    }
