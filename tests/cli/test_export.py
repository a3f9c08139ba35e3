"""`export`: a list to standard output or to a file, which is whole or not there."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Api, Ended, replying

from edgeward.errors import ApiUnavailable, NotFound, UserError

type Run = Callable[..., Ended]
EXPORT = "GET /api/v1/lists/court/export"
BODY = b'{"value":"11","type":"md5"}\n' * 3


def test_to_standard_output(api: Api, edgeward: Run) -> None:
    """The file as the API sends it, and nothing else."""
    api.answer(EXPORT, BODY)
    ended = edgeward("export", "court", "--type", "md5")
    assert (ended.status, ended.out, ended.err) == (0, BODY.decode(), "")
    assert api.requests[0].path.endswith("?format=jsonl&type=md5")


def test_to_a_file(api: Api, edgeward: Run, tmp_path: Path) -> None:
    """It takes the place of an older one, and only its owner can read it; behind a link too."""
    api.answer(EXPORT, BODY)
    file, link = tmp_path / "court.jsonl", tmp_path / "latest"
    file.write_text("older")
    link.symlink_to(file)
    assert edgeward("export", "court", "--output", link).out == f"wrote court to {link}: {len(BODY)} bytes\n"
    assert (file.read_bytes(), file.stat().st_mode & 0o777, link.is_symlink()) == (BODY, 0o600, True)
    shown = edgeward("export", "court", "--output", file, "--format", "csv", "--json").json
    assert shown == {"list": "court", "format": "csv", "file": str(file), "bytes": len(BODY)}
    assert sorted(tmp_path.iterdir()) == sorted([file, link])


def test_an_export_that_fails_leaves_the_older_file(api: Api, edgeward: Run, tmp_path: Path) -> None:
    """And nothing beside it."""
    file = tmp_path / "court.jsonl"
    file.write_text("older")
    api.problem(EXPORT, 404, "no list is named 'court'")
    with pytest.raises(NotFound, match="no list is named"):
        edgeward("export", "court", "--output", file)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["older"]
    api.answer(EXPORT, BODY)
    for wrong in (tmp_path / "no" / "court.jsonl", tmp_path):
        with pytest.raises(UserError, match=rf"^{wrong}: "):
            edgeward("export", "court", "--output", wrong)


def test_an_export_that_breaks_off_leaves_the_older_file(
    edgeward: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came of it is removed again."""
    file = tmp_path / "court.jsonl"
    file.write_text("older")
    monkeypatch.setenv("EDGEWARD_TOKEN", "ew_secret")
    cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    with replying(cut, hang_up=True) as url, pytest.raises(ApiUnavailable, match="not whole"):
        monkeypatch.setenv("EDGEWARD_API", url)
        edgeward("export", "court", "--output", file)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["older"]


def test_a_fifo_is_written_to(api: Api, edgeward: Run, tmp_path: Path) -> None:
    """It is not replaced by a file: somebody reads it."""
    fifo, read = tmp_path / "fifo", list[bytes]()
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()))
    reader.start()
    api.answer(EXPORT, BODY)
    assert edgeward("export", "court", "--output", fifo).status == 0
    reader.join()
    assert (read, fifo.is_fifo()) == ([BODY], True)
