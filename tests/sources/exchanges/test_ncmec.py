"""NCMEC's hash sharing API."""

import html
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from tests.sources.exchanges.programmes import KEYS, NOW, exchange, hashes, rows
from tests.sources.file_server import serving
from tests.sources.programme_of_tests import TakesVotes

from edgeward.lists.formats import WithdrawnSource
from edgeward.settings.exchange_settings import ExchangeSettings
from edgeward.sources.exchanges.ncmec import ROOTS, Ncmec
from edgeward.sources.feedback import Decided, Feedback, FeedbackRefused
from edgeward.sources.source_failure import SourceFailed

NAMESPACE = 'xmlns="https://hashsharing.ncmec.org/hashsharing/v2"'


def _md5(number: int) -> str:
    return f"{number + 1:032x}"


def _image(number: int) -> str:
    return (
        f'<image><member id="42">One</member><timestamp>2026-01-01T00:00:00Z</timestamp><id>id{number}</id>'
        f"<classification>A1</classification><fingerprints><md5>{_md5(number)}</md5><sha1>{number + 1:040x}</sha1>"
        f"</fingerprints></image>"
    )


def _page(entries: str, following: str = "", declaration: str = '<?xml version="1.0" encoding="UTF-8"?>') -> str:
    paging = f"<paging><next>{html.escape(following)}</next></paging>" if following else ""
    return f"{declaration}<queryResult {NAMESPACE}><images>{entries}</images>{paging}</queryResult>"


async def test_all_pages_are_read(tmp_path: Path) -> None:
    """With the MD5 and SHA-1 of images; more than a page of one second; deletions; times in UTC, by HTTP Basic."""

    async def answer(request: web.Request) -> web.Response:
        if "start" in request.query:
            gone = '<deletedImage><member id="42">One</member><id>id9</id></deletedImage>'
            return web.Response(text=_page(_image(2) + gone, declaration='<?xml version="1.0" encoding="ISO-8859-1"?>'))
        is_new = request.query["to"] > "2026-11-01"
        following = "/v2/entries?from=a&start=1001&size=1000&max=2000"
        return web.Response(text=_page(_image(0) + _image(1), following) if is_new else _page(""))

    async with serving(answer) as server:
        found = await exchange(server, "ncmec", tmp_path).fetch({})
        read = rows(found)
    assert {each.signal.value for each in read if hasattr(each, "signal")} >= {_md5(0), _md5(2), f"{3:040x}"}
    assert WithdrawnSource(4, "42-id9") in read
    assert server.headers["Authorization"] == "Basic dTpw"
    assert parse_qs(urlsplit(server.requests[0][1]).query)["from"] == ["2008-01-01T00:00:00Z"]
    assert found.whole and found.checkpoint["until"] <= NOW and found.checkpoint["gaps"] == []
    assert len(server.requests) < 20


async def test_a_bad_page_does_not_stop_the_rest(tmp_path: Path) -> None:
    """The span is halved around it; what is left is a gap, which is asked for again with each pull."""
    bad = [True]

    async def answer(request: web.Request) -> web.Response:
        at = request.query["from"], request.query["to"]
        if at[0] <= "2026-11-20T06:00:00Z" < at[1] and bad[0]:
            return web.Response(text=_page(_image(0))[:-30])
        inside = [number for number in range(1, 30) if at[0] <= f"2026-11-{number:02d}T12:00:00Z" < at[1]]
        return web.Response(text=_page("".join(map(_image, inside))))

    start = NOW - 20 * 86400
    async with serving(answer) as server:
        fetcher = exchange(server, "ncmec", tmp_path)
        found = await fetcher.fetch({"until": start})
        assert {_md5(20), _md5(19), _md5(25)} <= hashes(found).keys()
        ((first, last),) = found.checkpoint["gaps"]
        assert last - first <= 120 and "can't be read, and is asked for again" in found.problems[0]
        assert not found.whole
        again = await fetcher.fetch(found.checkpoint)
        assert again.checkpoint["gaps"] == found.checkpoint["gaps"]
        bad[0] = False
        mended = await fetcher.fetch(found.checkpoint)
        assert mended.checkpoint["gaps"] == [] and mended.problems == ()


async def test_expired_and_endless_links(tmp_path: Path) -> None:
    """A link that has expired begins the span anew; links in a circle, or to another server, end the pull."""
    expired, following = [True], "/v2/entries?start=2"

    async def answer(request: web.Request) -> web.Response:
        if "start" in request.query and expired[0]:
            expired[0] = False
            return web.Response(status=404)
        return web.Response(text=_page(_image(len(server.requests)), following if "from" in request.query else ""))

    async with serving(answer) as server:
        fetcher = exchange(server, "ncmec", tmp_path)
        found = await fetcher.fetch({"until": NOW - 60})
        assert _md5(3) in hashes(found) and len(server.requests) == 4
        following = "/v2/entries?from=a"
        with pytest.raises(SourceFailed, match="without an end"):
            await fetcher.fetch({"until": NOW - 60})
        following = "http://elsewhere.example/v2/entries?start=1"
        assert "another server" in (await fetcher.fetch({"until": NOW - 60})).problems[0]


async def test_credentials_that_are_refused(tmp_path: Path) -> None:
    """The message names the keys."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=401)

    async with serving(answer) as server:
        with pytest.raises(SourceFailed, match="answers 401: it refuses username and password"):
            await exchange(server, "ncmec", tmp_path).fetch({})


def test_every_environment_has_its_address(tmp_path: Path) -> None:
    """Those of the settings, and no others."""
    for environment, root in ROOTS.items():
        keys = {"name": "x", "list": "a", "type": "ncmec", "username": "u", "password": "p"}
        settings = ExchangeSettings.model_validate({**keys, "environment": environment})
        assert Ncmec(settings, tmp_path)._root == root
    assert len(ROOTS) == 14


def _voted(decided: Decided, kind: str = "md5", source_id: str = "42-image/1") -> Feedback:
    return Feedback("e" * 20, "a", kind, "00" * 16, source_id, decided, "ana", 1.0)


async def _give(programme: TakesVotes, tmp_path: Path, feedback: Feedback, **settings: Any) -> None:
    async with serving(programme.answer) as server:
        keys = {"name": "x", "list": "a", "type": "ncmec", "url": server.url, "feedback": True, **KEYS["ncmec"]}
        ncmec = Ncmec(ExchangeSettings.model_validate({**keys, **settings}), tmp_path)
        async with ncmec.feedback_client() as client:
            await ncmec.give(client, feedback)
            assert server.headers["Authorization"].startswith("Basic ")


async def test_a_vote_names_the_entry_and_the_fingerprint(tmp_path: Path) -> None:
    """By member, id and type; against an entry with the reason that the settings name, or the only one."""
    programme = TakesVotes()
    await _give(programme, tmp_path, _voted(Decided.MATCH))
    await _give(programme, tmp_path, _voted(Decided.MISTAKE, "photodna"))
    programme.reasons = {"g-1": "One &amp; only", "g-2": "Other"}
    await _give(programme, tmp_path, _voted(Decided.MISTAKE), mistake_reason="other")
    await _give(programme, tmp_path, _voted(Decided.MISTAKE), mistake_reason="G-1")
    with pytest.raises(SourceFailed, match="set mistake_reason to one of 'One & only', 'Other'"):
        await _give(programme, tmp_path, _voted(Decided.MISTAKE))
    root = '<feedbackSubmission xmlns="https://hashsharing.ncmec.org/hashsharing/v2">'
    against = root + "<negative><reasonIds><guid>{}</guid></reasonIds></negative></feedbackSubmission>"
    assert programme.votes == [
        ("PUT", "/v2/entries/42/image%2F1/MD5/feedback", root + "<affirmative/></feedbackSubmission>"),
        ("PUT", "/v2/entries/42/image%2F1/PDNA/feedback", against.format("g-1")),
        ("PUT", "/v2/entries/42/image%2F1/MD5/feedback", against.format("g-2")),
        ("PUT", "/v2/entries/42/image%2F1/MD5/feedback", against.format("g-1")),
    ]


async def test_what_ncmec_has_no_vote_for_is_refused(tmp_path: Path) -> None:
    """Other types, and entries without its id; reasons that are no XML, or would be a bomb, are an error."""
    for wrong in (_voted(Decided.MATCH, "sha256"), _voted(Decided.MATCH, source_id="")):
        with pytest.raises(FeedbackRefused):
            await _give(TakesVotes(), tmp_path, wrong)
    for name in ('x"/><reason', "x"):
        programme = TakesVotes(reasons={"g": name})
        if name == "x":
            programme.heading = "<!DOCTYPE x [<!ENTITY a 'b'>]>"
        with pytest.raises(SourceFailed):
            await _give(programme, tmp_path, _voted(Decided.MISTAKE))
