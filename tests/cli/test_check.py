"""`check`: the API gets the bytes, and its response decides the exit status."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.cli.conftest import ENTRY, Api, Ended

from edgeward.errors import ApiUnavailable, NotFound, UserError

type Run = Callable[..., Ended]
CLEAN = {"decision": "deliver", "reason": "no_match", "fingerprint": {}, "matches": [], "version": 7}
MATCH = {
    "list": "court",
    "mode": "enforce",
    "kind": "block",
    "entry": ENTRY["id"],
    "type": "pdq",
    "distance": 12,
    "view": "stored",
    "frame": 0,
    "reason": "order 17",
}
BLOCKED = {**CLEAN, "decision": "block", "reason": "match", "matches": [MATCH]}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8 bytes")
    return path


def test_a_clean_picture_is_status_0(api: Api, edgeward: Run, picture: Path) -> None:
    """Exit status 0 if nothing would be blocked; the API got the bytes of the file."""
    api.answer("POST /api/v1/check", CLEAN)
    ended = edgeward("check", picture)
    assert (ended.status, ended.out) == (0, f"{picture}: deliver (no_match)\n")
    assert api.requests[0].body == picture.read_bytes()


def test_a_blocked_picture_is_status_1(api: Api, edgeward: Run, picture: Path) -> None:
    """Exit status 1 if one would be blocked, and the deciding match is printed."""
    api.answer("POST /api/v1/check", BLOCKED)
    ended = edgeward("check", picture)
    assert ended.status == 1
    assert f"pdq at distance 12 of entry {ENTRY['id']} on blocklist court (enforce): order 17" in ended.out


def test_every_act_that_blocks_is_named(api: Api, edgeward: Run, picture: Path) -> None:
    """All matches are printed, and once for each act how to take it back; not for allowlists."""
    acts = ("act-1", "act-2", "act-1", "")
    matches = [{**MATCH, "act": act} for act in acts] + [{**MATCH, "kind": "allow", "act": "act-3"}]
    api.answer("POST /api/v1/check", {**BLOCKED, "matches": matches})
    out = edgeward("check", picture).out.splitlines()
    assert len([line for line in out if "of entry" in line]) == 5
    assert out[-2:] == [f"  to take back what {act} listed: edgeward undo {act}" for act in ("act-1", "act-2")]


def test_the_view_and_frame_that_matched_are_printed(api: Api, edgeward: Run, picture: Path) -> None:
    """A match of anything but the picture as it is stored names the view and the frame."""
    matches = [{**MATCH, "view": "inner", "frame": 4}, {**MATCH, "view": "turned", "reason": ""}]
    api.answer("POST /api/v1/check", {**BLOCKED, "matches": matches})
    _, first, second = edgeward("check", picture).out.splitlines()
    assert first.endswith("on blocklist court (enforce), inner, frame 4: order 17")
    assert second.endswith("on blocklist court (enforce), turned")


def test_json_is_the_answer_with_its_source(api: Api, edgeward: Run, picture: Path) -> None:
    """--json prints the responses of the API, one per picture."""
    api.answer("POST /api/v1/check", BLOCKED)
    ended = edgeward("check", picture, picture, "--json")
    assert (ended.status, ended.json) == (1, [{"source": str(picture), **BLOCKED}] * 2)


def test_a_refused_picture_is_named(api: Api, edgeward: Run, picture: Path) -> None:
    """The API's refusal of a picture is printed with the name of the file."""
    api.problem("POST /api/v1/check", 422, "the bytes are no picture")
    with pytest.raises(UserError, match=r"a\.jpg: the bytes are no picture"):
        edgeward("check", picture)


def test_a_url_is_downloaded_by_the_command(api: Api, edgeward: Run) -> None:
    """The API gets the bytes of a URL, never the URL."""
    api.answer("GET /photo.jpg", b"\xff\xd8 from the net")
    api.answer("POST /api/v1/check", CLEAN)
    assert edgeward("check", f"{api.url}/photo.jpg").status == 0
    assert api.requests[1].body == b"\xff\xd8 from the net"
    assert "Authorization" not in api.requests[0].headers


def test_the_good_images_among_bad_ones_are_checked(
    edgeward: Run, api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is missing hides no answer; the exit status is that of its error."""
    good = tmp_path / "a.jpg"
    good.write_bytes(b"bytes")
    api.answer("POST /api/v1/check", CLEAN)
    with pytest.raises(NotFound, match="missing"):
        edgeward("check", tmp_path / "missing.jpg", good)
    assert f"{good}: deliver" in capsys.readouterr().out
    ended = edgeward("check", "--json", tmp_path / "missing.jpg", good)
    assert ended.status == 2
    assert [("error" in each, each.get("decision")) for each in ended.json] == [(True, None), (False, "deliver")]


def test_an_api_that_is_away_ends_the_command_at_once(edgeward: Run, api: Api, tmp_path: Path) -> None:
    """It would answer for no image."""
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"bytes")
    api.problem("POST /api/v1/check", 503, "the store is away")
    with pytest.raises(ApiUnavailable):
        edgeward("check", tmp_path / "a", tmp_path / "b")
    assert len(api.requests) == 1


def test_hashes_are_checked(api: Api, edgeward: Run) -> None:
    """Each by itself, with the quality where its type has one; source id and tags of the programme are printed."""
    api.answer("POST /api/v1/check", {**BLOCKED, "matches": [{**MATCH, "source_id": "4242-17", "tags": ["A1", "b"]}]})
    ended = edgeward("check", "--hash", f"pdq:{'0f' * 32}", "--hash", "md5:12", "--quality", 80)
    assert [request.json for request in api.requests] == [
        {"hash": f"pdq:{'0f' * 32}", "quality": 80},
        {"hash": "md5:12"},
    ]
    assert ended.status == 1
    assert ended.out.splitlines()[0] == f"pdq:{'0f' * 32}: block (match)"
    assert ended.out.splitlines()[1].endswith("(enforce), source id 4242-17, tags A1, b: order 17")
    found = edgeward("check", "--json", "--hash", "md5:12").json
    assert (found[0]["source"], found[0]["decision"]) == ("md5:12", "block")


@pytest.mark.parametrize(("argv", "why"), [((), "nothing to check"), (("a.jpg", "--quality", "9"), "needs a PDQ hash")])
def test_a_wrong_check_asks_nothing(api: Api, edgeward: Run, argv: tuple[str, ...], why: str) -> None:
    """The message says what is missing."""
    with pytest.raises(UserError, match=why):
        edgeward("check", *argv)
    assert api.requests == []


def test_the_url_that_is_asked_about_is_sent(api: Api, edgeward: Run, picture: Path) -> None:
    """With an image in the query, with a hash in the body; a download is asked about at its own URL. A list with
    another mode there is shown so."""
    api.answer("POST /api/v1/check", {**BLOCKED, "matches": [{**MATCH, "mode_here": "monitor"}]})
    ended = edgeward("check", picture, "--hash", "md5:" + "1" * 32, "--at", "http://a.test/x")
    assert api.requests[0].path.endswith("?at=http%3A%2F%2Fa.test%2Fx")
    assert api.requests[1].json == {"hash": "md5:" + "1" * 32, "at": "http://a.test/x"}
    assert "on blocklist court (enforce, here monitor): order 17" in ended.out
    api.answer("GET /a.jpg", b"bytes")
    url = api.url.removesuffix("/") + "/a.jpg"
    edgeward("check", url)
    assert parse_qs(urlsplit(api.requests[-1].path).query) == {"at": [url]}
