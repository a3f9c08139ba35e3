"""`import` and `jobs`."""

import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.cli.conftest import GONE, Api, Ended

from edgeward.cli import imports as module
from edgeward.cli import progress_bar
from edgeward.errors import NotFound, UserError

type Run = Callable[..., Ended]
IMPORTS = "POST /api/v1/lists/court/imports"
JOB = {
    "id": "job-1",
    "kind": "import",
    "list": "court",
    "by": "local",
    "at": 1767225600.5,
    "reason": "order 17",
    "state": "running",
    "error": "",
    "total": 2000,
    "listed": 0,
    "added": 0,
    "known": 0,
    "bad": 0,
    "versions": None,
    "matched": 0,
    "orders": 0,
    "owed": {},
}
DONE = {
    **JOB,
    "state": "done",
    "listed": 2000,
    "added": 1500,
    "known": 500,
    "versions": [3, 1502],
    "matched": 1500,
    "orders": 7,
}
NEW = {**JOB, "bad_lines": [], "repeated": 0}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "hashes.csv"
    path.write_bytes(b"type,value\n")
    return path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_SECONDS", 0.01)


def answer_in_turn(api: Api, *answers: dict[str, Any]) -> None:
    """GET /jobs/job-1 answers with each of these in turn, and then always with the last."""

    class Turns(dict[str, Any]):
        rest: Iterator[dict[str, Any]] = iter(answers)

        def __getitem__(self, key: str) -> Any:
            if key == "GET /api/v1/jobs/job-1":
                self.last = next(self.rest, getattr(self, "last", None))
                return 200, self.last
            return super().__getitem__(key)

    api.answers = Turns(api.answers)


def test_a_file_is_sent_unchanged(api: Api, edgeward: Run, file: Path) -> None:
    """The API gets the bytes and all options; the command does not wait."""
    api.answer(IMPORTS, {"job": NEW}, 202)
    ended = edgeward(
        "import", "court", file, "--type", "md5", "--reason", "r", "--skip-bad", "--quality", 90, "--purge-again"
    )
    assert ended.status == 0
    (request,) = api.requests
    assert request.body == file.read_bytes()
    assert request.path.endswith("?type=md5&quality=90&reason=r&skip_bad=true&purge_again=true")
    assert "job-1" in ended.out


def test_how_a_file_is_read(api: Api, edgeward: Run, file: Path) -> None:
    """Without options the API recognises the format, and the command says what the file looks like; with them it gets
    what they say. A profile that was used or saved is said."""
    api.answer(IMPORTS, {"job": {**NEW, "format": "csv", "format_title": "CSV", "compression": "gzip"}}, 202)
    assert "this looks like CSV, gzip" in edgeward("import", "court", file).err
    options = ("--format", "csv", "--map", "md5=col3", "--separator", "tab", "--no-header", "--categories", "1,2")
    api.answer(
        IMPORTS, {"job": {**NEW, "format_title": "CSV", "columns": "columns read: X", "profile_saved": True}}, 202
    )
    said = edgeward("import", "court", file, *options, "--save-profile").err
    assert "columns read: X" in said and "saved as the profile" in said and "looks like" not in said
    query = dict(parse_qsl(urlsplit(api.requests[1].path).query))
    assert query == {
        "format": "csv",
        "map": "md5=col3",
        "separator": "tab",
        "header": "false",
        "categories": "1,2",
        "save_profile": "true",
    }
    columns = {"md5": "a", "sha1": "b"}
    profile = {"format": "csv", "map": columns, "header": False, "categories": ["1", "2"], "quality": 80}
    api.answer(IMPORTS, {"job": {**NEW, "format_title": "CSV", "profile": profile}}, 202)
    said = edgeward("import", "court", file).err
    shown = "--format csv --map md5=a,sha1=b --no-header --categories 1,2 --quality 80"
    assert f"read by the profile of the list 'court': {shown}\n" in said and "looks like" not in said


def test_standard_input(api: Api, edgeward: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file "-" is standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"md5:00")))
    api.answer(IMPORTS, {"job": NEW}, 202)
    edgeward("import", "court", "-")
    assert api.requests[0].body == b"md5:00"


def test_a_dry_run_lists_nothing(api: Api, edgeward: Run, file: Path) -> None:
    """A dry run names bad lines; they are status 1."""
    api.answer(IMPORTS, {"total": 3, "bad": 1, "repeated": 2, "bad_lines": [{"line": 4, "why": "no JSON"}]})
    ended = edgeward("import", "court", file, "--dry-run")
    assert api.requests[0].path.endswith("dry_run=true")
    assert ended.status == 1
    assert ended.out.splitlines() == ["line 4: no JSON", "3 hashes, 2 repeated, 1 bad line; nothing was listed"]


def test_waiting(api: Api, edgeward: Run, file: Path) -> None:
    """--wait ends when all is listed, matched and purged, and prints the final state of the job."""
    api.answer(IMPORTS, {"job": NEW}, 202)
    answer_in_turn(api, {**JOB, "listed": 1000}, {**JOB, "listed": 2000}, DONE, DONE)
    ended = edgeward("import", "court", file, "--wait", "--timeout", 5, "--json")
    assert (ended.status, ended.json) == (0, {**NEW, **DONE})
    assert api.requests[-1].path.endswith("/jobs/job-1?wait=verified&timeout=5.0")
    assert "500 hashes of the file were on the list before: not purged again (--purge-again)" in ended.err


@pytest.mark.parametrize(
    ("changed", "line", "status"),
    [
        ({}, "2 purges done and verified", 0),
        ({"state": "found_nothing"}, "2 purges done: found nothing", 0),
        ({"accepted": {"cf": 2}, "state": "accepted"}, "2 purges done: 2 verified, 2 accepted by cf", 1),
        (
            {"accepted": {"cf": 2}, "state": "accepted", "accepted_is_enough": ["cf"]},
            "2 purges done: 2 verified, 2 accepted by cf",
            0,
        ),
    ],
)
def test_only_verified_purges_are_called_so(
    api: Api, edgeward: Run, file: Path, changed: dict[str, Any], line: str, status: int
) -> None:
    """The last lines say what became of the purges. Accepted is done only where the settings say so."""
    api.answer(IMPORTS, {"job": NEW}, 202)
    answer_in_turn(api, {**DONE, "purge": {**GONE, **changed}})
    ended = edgeward("import", "court", file, "--wait", "--timeout", 5)
    assert (ended.status, ended.out.splitlines()[-2:]) == (status, [line, "At noon: gone."])


def test_a_file_that_was_listed_before_purges_nothing(api: Api, edgeward: Run, file: Path) -> None:
    """The last line says so, and nothing of copies. It is status 0, as of a file that is imported every day."""
    purge = {**GONE, "orders": 0, "verified": 0, "state": "nothing", "statement": "At noon: nothing was purged."}
    api.answer(IMPORTS, {"job": NEW}, 202)
    answer_in_turn(api, {**DONE, "added": 0, "known": 2000, "orders": 7, "purge": purge})
    ended = edgeward("import", "court", file, "--wait", "--timeout", 5)
    assert (ended.status, ended.out.splitlines()[-1]) == (0, "At noon: nothing was purged.")
    assert "no copy" not in ended.out


def test_an_empty_file_leaves_nothing_to_undo(api: Api, edgeward: Run, file: Path) -> None:
    """It lists nothing: no command to undo it is printed."""
    api.answer(IMPORTS, {"job": {**NEW, "total": 0}}, 202)
    assert "undo" not in edgeward("import", "court", file).out
    api.answer(IMPORTS, {"job": NEW}, 202)
    assert "to undo this: edgeward undo job-1" in edgeward("import", "court", file).out


@pytest.mark.parametrize("options", [(), ("--wait",), ("--skip-bad",), ("--dry-run",)])
def test_a_file_without_a_hash_is_status_1(api: Api, edgeward: Run, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Empty, or of comments or bad lines alone: it may have been cut off. Nothing is said of copies."""
    file = tmp_path / "none.txt"
    file.write_bytes(b"")
    api.answer(IMPORTS, {"job": {**NEW, "total": 0}, "total": 0, "bad": 0, "repeated": 0, "bad_lines": []}, 202)
    answer_in_turn(api, {**DONE, "total": 0, "listed": 0, "added": 0, "known": 0, "purge": {**GONE, "orders": 0}})
    ended = edgeward("import", "court", file, *options)
    assert ended.status == 1
    assert f"{file}: there is no hash in it: nothing was listed" in ended.err
    assert "copy" not in ended.out


def test_an_import_that_is_inactive_says_why(api: Api, edgeward: Run, file: Path) -> None:
    """Beside the warning."""
    off = {"count": 2, "of": 2, "why": "the list 'court' is off", "text": "2 of 2 entries will block nothing"}
    api.answer(IMPORTS, {"job": {**NEW, "not_matching": [off]}}, 202)
    purge = {**GONE, "orders": 0, "state": "inactive", "statement": "At noon: it blocks nothing."}
    answer_in_turn(api, {**DONE, "orders": 0, "purge": purge})
    ended = edgeward("import", "court", file, "--wait", "--timeout", 5)
    assert ended.out.splitlines()[-2:] == ["nothing is purged for it", "At noon: it blocks nothing."]


def test_a_list_that_blocks_nothing_is_named(api: Api, edgeward: Run, file: Path) -> None:
    """At once, and nothing is said of copies then."""
    off = {"count": 2, "of": 2, "why": "the list 'court' is off", "text": "2 of 2 entries cannot match"}
    api.answer(IMPORTS, {"job": {**NEW, "not_matching": [off]}}, 202)
    answer_in_turn(api, {**DONE, "known": 0, "orders": 0, "purge": {**GONE, "orders": 0, "state": "nothing"}})
    ended = edgeward("import", "court", file, "--wait", "--timeout", 5)
    assert (ended.status, ended.err) == (0, "edgeward: warning: 2 of 2 entries cannot match\n")
    assert "no copy" not in ended.out


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ({**DONE, "owed": {"edge": 2}}, "edge still owes 2 purges"),
        ({**DONE, "refused": {"edge": 2}}, "edge refuses 2 purges"),
        ({**DONE, "owed": {"edge": 2}, "absent": ["edge"]}, "edge owes 2 purges, and no live controller has it"),
        ({**DONE, "purge": {**GONE, "unknowns": ["edge: 2 targets were forgotten"]}}, "edge: 2 targets were forgotten"),
        (
            {**DONE, "active": False, "waiting_for": [], "silent": [{"name": "edge2/proxy/7#a1", "seconds": 4.2}]},
            "not heard from for 4 s: edge2/proxy/7#a1; it may still serve by older lists",
        ),
        ({**JOB, "state": "failed", "error": "no list is named 'court'"}, "no list is named 'court'"),
        ({**JOB, "state": "interrupted"}, "no progress within 0.2 s"),
    ],
)
def test_what_is_not_done_is_status_1(api: Api, edgeward: Run, file: Path, last: dict[str, Any], message: str) -> None:
    """The command prints what is owed, why the import failed, or that it made no progress."""
    api.answer(IMPORTS, {"job": NEW}, 202)
    answer_in_turn(api, last)
    ended = edgeward("import", "court", file, "--wait", "--timeout", 0.2)
    assert ended.status == 1
    assert message in ended.err


def test_bad_lines_are_named_with_the_file(api: Api, edgeward: Run, file: Path) -> None:
    """A refusal by the API is printed with the name of the file, and so are lines that were left out."""
    api.problem(IMPORTS, 422, "1 bad lines, so that nothing was imported:\nline 4: no JSON")
    with pytest.raises(UserError, match=r"hashes\.csv: 1 bad lines"):
        edgeward("import", "court", file)
    api.answer(IMPORTS, {"job": {**NEW, "bad_lines": [{"line": 4, "why": "no JSON"}]}}, 202)
    assert "line 4 skipped: no JSON" in edgeward("import", "court", file, "--skip-bad").err
    with pytest.raises(NotFound, match="no such file"):
        edgeward("import", "court", "/no/such/file")


def test_progress_is_shown_at_a_terminal(api: Api, edgeward: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal, one line shows the progress; what the API does with the file is asked for."""
    api.answer(IMPORTS, {"job": NEW}, 202)
    answer_in_turn(api, {**JOB, "listed": 1000}, {**DONE, "known": 0}, {**DONE, "known": 0})
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(progress_bar, "SHOWN_EVERY_SECONDS", 0.0)
    ended = edgeward("import", "court", file, "--wait")
    assert "\rlisting     [############            ]  50%  1,000 of 2,000 hashes" in ended.err


def test_jobs(api: Api, edgeward: Run) -> None:
    """`jobs` prints the latest jobs as a table, `jobs ID` one job in full."""
    api.answer("GET /api/v1/jobs", {"jobs": [DONE]})
    api.answer("GET /api/v1/jobs/job-1", {**DONE, "owed": {"edge": 3}, "absent": ["edge"]})
    assert "job-1  2026-01-01T00:00:00.500Z  court  done" in edgeward("jobs", "--limit", 5).out
    assert api.requests[0].path.endswith("?limit=5")
    shown = edgeward("jobs", "job-1")
    assert "edge 3" in shown.out
    assert "`edgeward caches forget edge`" in shown.err
    assert edgeward("jobs", "job-1", "--json").json["owed"] == {"edge": 3}


def test_a_dry_run_says_all(api: Api, edgeward: Run, file: Path) -> None:
    """New, known, changed, withdrawn; what would be blocked and purged, and what is not known of that."""
    effect = {"images": 1, "targets": 3, "blocked_already": 2, "allowed": 1, "searched": 5, "unsearched": 2}
    found = {
        "total": 7,
        "bad": 0,
        "repeated": 4,
        "conflicting": 1,
        "bad_lines": [],
        "unit": "record",
        "new": 5,
        "known": 2,
        "changed": 1,
        "withdrawals": 3,
        "withdrawn": 2,
        "not_listed": 1,
        "left_out": [{"what": "md5 of a video", "count": 2}],
        "effect": {**effect, "at_least": True},
    }
    api.answer(IMPORTS, found)
    ended = edgeward("import", "court", file, "--dry-run")
    assert ended.status == 0
    assert ended.out.splitlines() == [
        "7 hashes, 4 repeated, 0 bad records; nothing was listed",
        "5 new, 2 already listed (1 with another source id, tags or quality: they keep theirs)",
        "would withdraw 2 entries; 1 withdrawn hash not on the list",
        "of all that was seen it would block at least 1 image and purge at least 3 targets; 2 more are blocked "
        "already; an allowlist protects 1 more (5 of 7 new hashes were searched for)",
    ]
    assert "left out: 2 rows: md5 of a video" in ended.err
    assert "1 row of 4 repeated ones differ: the last one counts" in ended.err
    api.answer(IMPORTS, {**found, "total": 0, "bad": 2000, "bad_lines": [{"line": 7, "why": "no"}], "withdrawals": 0})
    ended = edgeward("import", "court", file, "--dry-run")
    assert ended.status == 1
    assert ended.out.splitlines()[:2] == ["record 7: no", "and 1999 more bad records"]


def test_a_whole_list_is_synchronized(api: Api, edgeward: Run, file: Path) -> None:
    """The source and the permission are sent; what stays and what is missing is said. Nothing to change is no error."""
    sync = {"source": "iwf", "listed": 9, "unchanged": 6, "missing": 2, "kept": 1, "too_large": ""}
    job = {**NEW, "total": 0, "sync": sync}
    api.answer(IMPORTS, {"job": job})
    ended = edgeward("sync", "court", file, "--source", "iwf", "--allow-large-removal")
    sent = dict(parse_qsl(urlsplit(api.requests[-1].path).query))
    assert (sent["sync"], sent["source"], sent["allow_large_removal"]) == ("true", "iwf", "true")
    assert ended.status == 0
    assert "of 9 entries of 'iwf' 6 stay, and 2 are missing in the file" in ended.err
    refused = "the file lacks 8 of the 9 entries"
    dry = {**{name: job[name] for name in ("total", "bad", "repeated", "bad_lines")}, "sync": sync}
    api.answer(IMPORTS, {**dry, "sync": {**sync, "too_large": refused}})
    ended = edgeward("sync", "court", file, "--dry-run")
    assert (ended.status, "source" in api.requests[-1].path) == (0, False)
    assert ended.out.splitlines() == [
        "0 hashes to list, 6 that 'iwf' lists already, 0 repeated, 0 bad lines; nothing was listed",
        "1 missing entry would stay: others list them too",
        f"it would be refused without --allow-large-removal: {refused}",
    ]


def test_an_import_that_only_withdraws(api: Api, edgeward: Run, file: Path) -> None:
    """It is no empty file, and says how much was withdrawn."""
    job = {**NEW, "total": 0, "withdrawals": 2, "withdrawn_sources": 0, "withdrawn": 1}
    api.answer(IMPORTS, {"job": job}, 202)
    ended = edgeward("import", "court", file)
    assert (ended.status, "there is no hash" in ended.err) == (0, False)
    assert "withdrawn  1" in ended.out and "edgeward undo job-1" in ended.out


def test_before_a_large_file_is_sent_its_list_is_looked_for(
    api: Api, edgeward: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing list is said at once."""
    monkeypatch.setattr(module, "CHECKED_FIRST_BYTES", 3)
    api.problem("GET /api/v1/lists/court", 404, "no list is named 'court'")
    with pytest.raises(NotFound, match="'court'"):
        edgeward("import", "court", file)
    assert len(api.requests) == 1
