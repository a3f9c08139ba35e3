"""Imports as JSON objects."""

from edgeward.api.import_serializers import import_result, import_status
from edgeward.imports.import_jobs import ImportJob
from edgeward.imports.import_progress import ImportProgress
from edgeward.imports.reading import ReadFile
from edgeward.imports.spool import SpoolCounts
from edgeward.lists.formats import BadRow
from edgeward.lists.formats.table import FORMATS
from edgeward.operations.import_comparison import Comparison
from edgeward.operations.import_effect import SeenEffect
from edgeward.operations.imports import ImportResult, ImportStatus

COLUMNS = "columns read: md5 from column 3"
FILE = ReadFile(
    FORMATS["csv"], "gzip", SpoolCounts([("md5", 16, 3)], 2, 1, 4, 1), [BadRow(7, "no")], 9, {"videos": 5}, COLUMNS
)


def test_a_dry_run() -> None:
    """What is in the file, and what it would do; the numbers are "at least" where not all was searched for."""
    effect = SeenEffect(images=1, targets=2, searched=2, unsearched=1, protected=3)
    compared = Comparison(1, 2, 1, 2, 0, effect, ["too much"])
    shown = import_result(ImportResult(FILE, compared, None, profile={"format": "csv"}))
    assert shown == {
        "total": 3,
        "format": "csv",
        "format_title": "CSV",
        "compression": "gzip",
        "columns": COLUMNS,
        "profile": {"format": "csv"},
        "profile_saved": False,
        "bad": 9,
        "bad_lines": [{"line": 7, "why": "no"}],
        "unit": "line",
        "repeated": 4,
        "conflicting": 1,
        "left_out": [{"what": "videos", "count": 5}],
        "withdrawals": 2,
        "withdrawn_sources": 1,
        "not_matching": [],
        "new": 1,
        "known": 2,
        "changed": 1,
        "withdrawn": 2,
        "not_listed": 0,
        "effect": {
            "images": 1,
            "targets": 2,
            "blocked_already": 0,
            "allowed": 0,
            "searched": 2,
            "unsearched": 1,
            "at_least": True,
            "protected": 3,
        },
        "held": ["too much"],
        "replaces": False,
    }
    assert import_result(ImportResult(FILE, Comparison(1, 2, 1, 2, 0, None), None))["effect"] is None


def test_a_job() -> None:
    """With what it withdraws, and by whom it was cancelled."""
    job = ImportJob("a", "ana", 1.5, 3, withdrawals=2, sources=1)
    progress = ImportProgress(1, 0, 2, 0, None, 0, "failed", "cancelled by bo", withdrawn=4, cancelled_by="bo")
    shown = import_status(ImportStatus(job, progress))
    assert (shown["withdrawals"], shown["withdrawn_sources"], shown["withdrawn"]) == (2, 1, 4)
    assert (shown["cancelled_by"], shown["state"], shown["listed"], shown["known"]) == ("bo", "failed", 3, 1)
    assert import_result(ImportResult(FILE, None, ImportStatus(job, progress)))["job"]["id"] == job.id
