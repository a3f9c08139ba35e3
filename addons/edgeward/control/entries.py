"""Entries: listed signals with their provenance."""

import time
from dataclasses import replace
from typing import NamedTuple

from aiohttp import web

from edgeward.config import HashingSettings
from edgeward.control import bodies, images, settled, views
from edgeward.control.services import Services, caller, services
from edgeward.errors import BadImage, BadSignal, NotFound
from edgeward.hashing import signals
from edgeward.hashing.joint import joined, parts
from edgeward.hashing.texts import kinds
from edgeward.types import JOINT, RATED, Entry, Fingerprint, Signal, View


class _Asked(NamedTuple):
    signals: list[Signal]
    reason: str
    notes: list[str]
    wait: bodies.Wait


async def index(request: web.Request) -> web.Response:
    """GET /lists/{name}/entries"""
    page = bodies.query(request, bodies.Page)
    catalogue = services(request).catalogue
    found = await catalogue.get_list(request.match_info["name"])
    entries, cursor = await catalogue.entries(found.name, page.cursor, page.limit)
    return web.json_response({"entries": [views.entry(entry) for entry in entries], "cursor": cursor})


async def add(request: web.Request) -> web.Response:
    """POST /lists/{name}/entries: hashes, or an image. Answers when every live process acts on them."""
    within, who, name = services(request), caller(request).name, request.match_info["name"]
    await within.catalogue.get_list(name)
    asked = await (_hashes(request) if images.is_json(request) else _image(request))
    now = time.time()
    entries = {made.id: made for made in (Entry(name, each, asked.reason, who, now) for each in asked.signals)}
    changes = await within.catalogue.add_entries(list(entries.values()), who, asked.reason)
    version = changes[-1].version if changes else await within.catalogue.version()
    known = entries.keys() - {change.entry.id for change in changes if change.entry}
    answer = await settled.applied(within, version)
    if asked.wait.wait:
        answer["purge"] = await settled.purged(within, version, changes, known, asked.wait.timeout)
    listed = within.replica.matcher.entries(name)
    answer["entries"] = [views.entry(listed.get(entry_id, entry)) for entry_id, entry in entries.items()]
    answer["notes"] = [*asked.notes, *([f"{len(known)} of them listed already"] if known else [])]
    return web.json_response(answer, status=201)


async def show(request: web.Request) -> web.Response:
    """GET /entries/{id}"""
    bodies.query(request, bodies.NoQuery)
    return web.json_response(views.entry(_find(services(request), request.match_info["id"])))


async def delete(request: web.Request) -> web.Response:
    """DELETE /entries/{id} and /lists/{name}/entries/{id}. Answers when no live process acts on it any more."""
    why = bodies.query(request, bodies.Why).why
    within = services(request)
    entry_id = request.match_info["id"]
    name = request.match_info.get("name") or _find(within, entry_id).list
    change = await within.catalogue.remove_entry(name, entry_id, caller(request).name, why)
    removed = views.entry(change.entry) if change.entry else None
    return web.json_response({"removed": removed, **await settled.applied(within, change.version)})


def _find(within: Services, entry_id: str) -> Entry:
    found = within.replica.matcher.find(entry_id)
    if found is None:
        raise NotFound(f"no entry {entry_id}")
    return found


async def _hashes(request: web.Request) -> _Asked:
    wait = bodies.query(request, bodies.Wait)
    body = await bodies.parse(request, bodies.Hashes)
    bodies.enough(body.quality, services(request).config.hashing.min_quality)
    listed = [_signal(text, body.quality) for text in body.hashes]
    if body.quality is not None and all(signal.type not in RATED for signal in listed):
        raise bodies.BadBody("quality: none of the hashes is a pdq or pdq-dhash", "quality")
    return _Asked(listed, body.reason, [], wait)


def _signal(text: str, quality: int | None) -> Signal:
    """A "TYPE:HEX" signal. Raises BadSignal, naming it."""
    parsed = signals.parse(text)
    return Signal(parsed.type, parsed.value, quality) if parsed.type in RATED else parsed


async def _image(request: web.Request) -> _Asked:
    asked = bodies.query(request, bodies.ImageToList)
    made = await images.fingerprint(request, frozenset({View.SMALLER}))
    if made.media_type == kinds.SVG:
        raise BadImage("an SVG can't be listed: list the pictures that it shows")
    chosen, notes = choose(made, asked.signals.split(","), services(request).config.hashing)
    if not chosen:
        raise BadImage(f"nothing of it can be listed: {'; '.join(notes)}")
    return _Asked(chosen, asked.reason, notes, asked)


def choose(made: Fingerprint, types: list[str], settings: HashingSettings) -> tuple[list[Signal], list[str]]:
    """The signals of `types` that are fit to be listed, and a note on each type that has none.

    Of an animation every distinct frame is listed. Only what is stored is, and what smaller copies of it look like:
    what was made of it in another view could be the picture of something else.
    """
    chosen: list[Signal] = []
    notes: list[str] = []
    for kind in types:
        of_kind = _of_kind(made, kind)
        fit = [each for each in of_kind if _is_fit(each, settings.min_quality)]
        chosen += fit
        if not fit:
            notes.append(f"{kind} was left out: {_lack(made, kind, of_kind, settings.signals)}")
    return chosen, notes


def _of_kind(made: Fingerprint, kind: str) -> list[Signal]:
    """The signals of one type; as shown only where it has none as stored, since it was installed and knows no other."""
    signals = joined(made.signals) if kind == JOINT else [each for each in made.signals if each.type == kind]
    stored = [each for each in signals if each.view in (View.STORED, View.SMALLER)]
    chosen = stored or [each for each in signals if each.view is View.SHOWN]
    return [replace(each, view=View.STORED, frame=0) for each in chosen]


def _is_fit(signal: Signal, min_quality: int) -> bool:
    try:
        signals.validate(signal)
    except BadSignal:
        return False
    return signal.quality is None or signal.quality >= min_quality


def _lack(made: Fingerprint, kind: str, of_kind: list[Signal], computed: tuple[str, ...]) -> str:
    if of_kind:
        return "the picture is too plain, it would match unrelated ones"
    if lacking := [part for part in parts(kind) if part not in computed]:
        return "it is not among hashing.signals" if lacking == [kind] else f"hashing.signals lacks {', '.join(lacking)}"
    if made.flaw:
        return f"the image is {made.flaw.value}"
    return "the picture is too small for it"
