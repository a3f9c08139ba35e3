"""`add`: nothing is sent until the whole command is known to be valid, and all of it is one act."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import ACTIVE, ENTRY, GONE, Api, Ended

from edgeward.errors import ApiUnavailable, BadImage, BadSignal, EdgewardError, NotFound, UserError

type Run = Callable[..., Ended]
ENTRIES = "POST /api/v1/lists/court/entries"
PURGES = "POST /api/v1/entries/purges"
MD5 = f"md5:{ENTRY['value']}"
PDQ = "pdq:f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"


def _added(**more: Any) -> dict[str, Any]:
    return {"entries": [ENTRY], "notes": [], **ACTIVE, **more}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n bytes")
    return path


def test_hashes_go_in_one_request(api: Api, edgeward: Run) -> None:
    """All hashes of a command go into one request, with reason and quality."""
    api.answer(ENTRIES, _added(), 201)
    ended = edgeward("add", "court", "--hash", MD5, "--hash", PDQ, "--quality", 90, "--reason", "r")
    assert ended.status == 0
    act = api.requests[0].json["act"]
    assert api.requests[0].json == {"hashes": [MD5, PDQ], "quality": 90, "reason": "r", "act": act}
    assert ENTRY["id"] in ended.out
    assert f"edgeward undo {act}" in ended.out


def test_a_picture_is_sent_unchanged(api: Api, edgeward: Run, picture: Path) -> None:
    """The API gets the bytes of the file and which hash types to list."""
    api.answer(ENTRIES, _added(notes=["pdq was left out"]), 201)
    ended = edgeward("add", "court", "--image", picture, "--signals", "sha256,phash", "--reason", "r")
    assert api.requests[0].body == picture.read_bytes()
    assert re.search(r"\?reason=r&signals=sha256%2Cphash&act=act-[0-9a-f]{16}$", api.requests[0].path)
    assert "pdq was left out" in ended.err


def test_several_responses_are_printed_as_one(api: Api, edgeward: Run, picture: Path) -> None:
    """Hashes and pictures together give one object: the newest version, all entries, and their purges, which are asked
    for together, as two requests may lead to the same ones."""
    api.answer(ENTRIES, _added(purge=GONE, notes=["n"]), 201)
    api.answer(PURGES, GONE)
    ended = edgeward("add", "court", "--hash", MD5, "--image", picture, "--image", picture, "--wait", "--json")
    *listed, asked = api.requests
    act = listed[0].json["act"]
    # One command is one act, however many requests it takes.
    assert [request.path.partition("act=")[2] for request in listed[1:]] == [act, act]
    assert "wait=" not in "".join(request.path for request in listed)
    assert asked.path.endswith("?wait=verified&timeout=30.0")
    assert asked.json == {"entries": [ENTRY["id"]], "images": [[ENTRY["id"]]] * 2, "version": 7}
    expected = {"entries": [ENTRY] * 3, "version": 7, "active": True, "waiting_for": [], "notes": ["n"] * 3}
    assert ended.json == {"act": act, **expected, "purge": GONE}
    assert edgeward("add", "court", "--image", picture, "--image", picture).status == 0
    assert [request.path.partition("?")[0] for request in api.requests[4:]] == ["/api/v1/lists/court/entries"] * 2


def test_the_act_is_named_if_its_purges_are_not_known(api: Api, edgeward: Run, picture: Path) -> None:
    """All is listed then, and can be undone."""
    api.answer(ENTRIES, _added(), 201)
    api.problem(PURGES, 503, "the store is away")
    with pytest.raises(EdgewardError):
        edgeward("add", "court", "--hash", MD5, "--image", picture, "--wait")


def test_wait_asks_for_verified_purges(api: Api, edgeward: Run) -> None:
    """--wait and --timeout become parameters of the API; status 0 if all is verified."""
    api.answer(ENTRIES, _added(purge=GONE), 201)
    ended = edgeward("add", "court", "--hash", MD5, "--wait", "--timeout", 5)
    assert api.requests[0].path.endswith("?wait=verified&timeout=5.0")
    assert (ended.status, ended.out.splitlines()[-2:]) == (0, ["2 purges done and verified", "At noon: gone."])


@pytest.mark.parametrize(
    ("changed", "said", "status"),
    [
        ({"orders": 0, "verified": 0, "state": "nothing"}, "no copy was seen", 0),
        ({"state": "found_nothing"}, "2 purges done: found nothing", 0),
        ({"accepted": {"cf": 3}, "state": "accepted"}, "2 purges done: 2 verified, 3 accepted by cf", 1),
        (
            {"accepted": {"cf": 3}, "state": "accepted"},
            "accepted, not verified: cf took 3 purges and can't be asked",
            1,
        ),
        (
            {"accepted": {"cf": 3}, "state": "accepted", "accepted_is_enough": ["cf"]},
            "2 purges done: 2 verified, 3 accepted by cf",
            0,
        ),
        (
            {"accepted": {"cf": 3, "fastly": 1}, "state": "accepted", "accepted_is_enough": ["cf"]},
            "verified: fastly",
            1,
        ),
        ({"nodes": {}, "unknowns": ["no cache is configured"], "state": "unknown"}, "no cache is configured", 1),
        ({"unknowns": ["edge: 7 targets were forgotten"], "state": "unknown"}, "edge: 7 targets were forgotten", 1),
    ],
)
def test_what_is_not_verified_is_not_called_so(
    api: Api, edgeward: Run, changed: dict[str, Any], said: str, status: int
) -> None:
    """Where nothing was seen, where a cache accepted without a proof, and where something is not known."""
    api.answer(ENTRIES, _added(purge={**GONE, **changed}), 201)
    ended = edgeward("add", "court", "--hash", MD5, "--wait")
    assert ended.status == status
    assert said in ended.out + ended.err
    assert "done and verified" not in ended.out


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_is_still_owed_is_status_1(api: Api, edgeward: Run, options: list[str]) -> None:
    """A cache that has not been purged in time is named, and the output does not claim success."""
    api.answer(ENTRIES, _added(purge={"orders": 2, "owed": {"varnish-1": 2}, "matched": True}), 201)
    ended = edgeward("add", "court", "--hash", MD5, "--wait", *options)
    assert ended.status == 1
    assert "varnish-1 still owes 2 purges" in ended.err
    assert "verified" not in ended.out


@pytest.mark.parametrize(
    ("argv", "error", "message"),
    [
        ([], UserError, "nothing to list"),
        (["--hash", "pdq:12"], BadSignal, "12"),
        (["--hash", MD5, "--hash", "nonsense"], BadSignal, "nonsense"),
        (["--hash", MD5, "--image", "/no/such.jpg"], NotFound, "/no/such.jpg"),
        (
            ["--hash", MD5, "--image", __file__],
            BadImage,
            "test_entries.py: the bytes are not an image of a known format",
        ),
        (["--hash", MD5, "--quality", "90"], UserError, "--quality needs a PDQ hash"),
        (["--hash", f"pdq-dhash:{'0' * 80}"], BadSignal, "its pdq: it matches blank images"),
        (["--hash", PDQ, "--signals", "pdq"], UserError, "--signals needs an image"),
        (["--hash", MD5, "--timeout", "0"], UserError, "--timeout"),
    ],
)
def test_a_wrong_command_lists_nothing(
    api: Api, edgeward: Run, argv: list[str], error: type[EdgewardError], message: str
) -> None:
    """If any part of a command is wrong, nothing is sent."""
    with pytest.raises(error, match=message):
        edgeward("add", "court", *argv)
    assert api.requests == []


def test_a_picture_that_the_api_refuses_is_named(api: Api, edgeward: Run, picture: Path) -> None:
    """The command adds the name of the file, which the API does not know."""
    api.problem(ENTRIES, 422, "nothing of it can be listed")
    with pytest.raises(UserError, match=r"a\.png: nothing of it can be listed"):
        edgeward("add", "court", "--image", picture)


def test_entries_that_cannot_match_are_a_warning(edgeward: Callable[..., Ended], api: Api) -> None:
    """On standard error, also with --json; the status stays 0, as the entries are listed."""
    text = "1 of 1 entry cannot match: no photodna signal type is installed"
    unmatched = [{"count": 1, "of": 1, "why": "no photodna signal type is installed", "text": text}]
    api.answer(ENTRIES, _added(not_matching=unmatched))
    for options in ((), ("--json",)):
        ended = edgeward("add", "court", "--hash", "photodna:" + "3c" * 144, *options)
        assert ended.status == 0
        assert f"warning: {text}" in ended.err
    assert ended.json["not_matching"] == unmatched


def test_a_command_that_fails_half_way_says_how_to_undo_it(
    api: Api, edgeward: Run, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If an answer is lost, or a later request fails, a part may be listed: the act that takes it back is named."""
    api.problem(ENTRIES, 503, "the store is unavailable")
    with pytest.raises(ApiUnavailable):
        edgeward("add", "court", "--hash", MD5)
    assert f"edgeward undo {api.requests[0].json['act']}" in capsys.readouterr().err
    api.problem(ENTRIES, 422, "nothing of it can be listed")
    with pytest.raises(UserError):
        edgeward("add", "court", "--image", picture)
    assert "undo" not in capsys.readouterr().err


def test_a_refusal_for_now_has_listed_nothing(
    api: Api, edgeward: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The store has lost its data, or the API does not run: there is nothing to undo."""
    refused = {"type": "urn:edgeward:problem:unavailable", "title": "Unavailable", "status": 503, "detail": "lost"}
    api.answer(ENTRIES, refused, 503)
    with pytest.raises(ApiUnavailable, match="lost"):
        edgeward("add", "court", "--hash", MD5)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("EDGEWARD_API", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with pytest.raises(ApiUnavailable, match="no response"):
            edgeward("add", "court", "--hash", MD5)
    assert "undo" not in capsys.readouterr().err


def test_what_was_listed_before_a_refusal_can_be_undone(
    api: Api, edgeward: Run, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first image is listed, the second is refused: the act of both is named."""
    turns = iter([(201, _added()), (422, {"title": "Bad image", "status": 422, "detail": "too small"})])
    api.answers = _Turns(turns)
    with pytest.raises(UserError, match="too small"):
        edgeward("add", "court", "--image", picture, "--image", picture)
    act = api.requests[0].path.partition("act=")[2][:20]
    assert f"edgeward undo {act}" in capsys.readouterr().err


class _Turns(dict[str, tuple[int, Any]]):
    """Answers in turn, whatever is requested."""

    def __init__(self, turns: Iterator[tuple[int, Any]]) -> None:
        super().__init__()
        self._turns = turns

    def __getitem__(self, key: str) -> tuple[int, Any]:
        return next(self._turns)
