"""Imports as JSON objects. docs/api.md describes each key."""

from edgeward.api import held_serializers, serializers
from edgeward.api.serializers import Json
from edgeward.operations import held_updates
from edgeward.operations.import_comparison import Comparison
from edgeward.operations.import_effect import SeenEffect
from edgeward.operations.imports import ImportResult, ImportStatus
from edgeward.operations.synchronization import Synchronization


def import_result(value: ImportResult) -> Json:
    """Of a dry run what is in the file and what it would do, else `job`: the import with what is in the file."""
    file, counts = value.file, value.file.counts
    report = {
        "format": file.file_format.name,
        "format_title": file.file_format.title,
        "compression": file.compression,
        "columns": file.columns,
        "profile": dict(value.profile),
        "profile_saved": value.profile_saved,
        "bad": file.bad_count,
        "bad_lines": [{"line": each.number, "why": each.why} for each in file.bad],
        "unit": file.file_format.unit,
        "repeated": counts.repeated,
        "conflicting": counts.conflicting,
        "left_out": [{"what": what, "count": count} for what, count in file.left_out.items()],
        "withdrawals": counts.off,
        "withdrawn_sources": counts.sources,
        "not_matching": serializers.not_matching(value.not_matching),
        **({"sync": _synchronization(value.synchronization)} if value.synchronization else {}),
    }
    if value.status is not None:
        return {"job": {**import_status(value.status), **report}}
    return {"total": counts.total, **report, **(_comparison(value.comparison) if value.comparison else {})}


def _comparison(value: Comparison) -> Json:
    return {
        "new": value.new,
        "known": value.known,
        "changed": value.changed,
        "withdrawn": value.withdrawn,
        "not_listed": value.not_listed,
        "effect": _effect(value.effect) if value.effect else None,
        "held": list(value.held),
        "replaces": value.replaces,
    }


def _synchronization(value: Synchronization) -> Json:
    return {
        "source": value.source,
        "listed": value.listed,
        "unchanged": value.unchanged,
        "missing": value.missing,
        "kept": value.kept,
        "too_large": value.too_large,
    }


def _effect(value: SeenEffect) -> Json:
    """`at_least`: not all hashes were searched for."""
    return {
        "images": value.images,
        "targets": value.targets,
        "blocked_already": value.blocked_already,
        "allowed": value.allowed,
        "searched": value.searched,
        "unsearched": value.unsearched,
        "at_least": value.unsearched > 0,
        "protected": value.protected,
    }


def import_status(value: ImportStatus) -> Json:
    """`listed`: how many of `total` entries are on the list, `added` by this job or `known` before."""
    job, progress = value.job, value.progress
    held = held_updates.of_import(job, progress)
    return {
        "id": job.id,
        "kind": "import",
        "list": job.list,
        "by": job.by,
        "at": job.at,
        "reason": job.reason,
        "state": value.state,
        "error": progress.error,
        "cancelled_by": progress.cancelled_by,
        **({"held": held_serializers.held_update(held)} if held.is_held else {}),
        "total": job.total,
        "prepared": progress.prepared,
        "listed": value.listed,
        "added": progress.added,
        "known": value.known,
        "bad": job.bad,
        "withdrawals": job.withdrawals,
        "withdrawn_sources": job.sources,
        "withdrawn": progress.withdrawn,
        "purge_again": job.purge_again,
        "versions": progress.versions,
        "matched": progress.entries_matched,
        "orders": progress.orders,
        **({} if value.owed is None else _not_carried_out(value)),
        **({"purge": serializers.purge_status(value.purge)} if value.purge else {}),
        **(serializers.in_force(value.change) if value.change else {}),
    }


def _not_carried_out(value: ImportStatus) -> Json:
    return {"owed": value.owed, "refused": value.refused, "absent": list(value.absent)}
