"""A long import through the API, and its rollback, while clients ask for photographs through a real Varnish."""

import hashlib
import random
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.scenarios.assertions import assert_no_defects
from tests.scenarios.client_load import Load, Served
from tests.scenarios.pictures import fresh
from tests.scenarios.stacks import NO_KEY_CHECKS
from tests.support.eventually import until

from edgeward.demo.edge import Edge, Settings, merged_settings
from edgeward.demo.photos import Photo, builtin_photos, smaller_webp
from edgeward.demo.stack import Stack
from edgeward.hashing.fingerprint import fingerprint
from edgeward.settings.config import HashingSettings

LIST = "programme"
LISTED = 3
"""Photographs that the file lists; a smaller copy of each is served too, and matches by its PDQ."""
ANSWERS = 60
"""To clients, after each acknowledgement."""
PAUSE_SECONDS = 0.02
"""Of each of four clients, between two requests."""
PATIENCE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Played:
    """What happened.

    Attributes:
        imported, rolled_back: seconds until each was acknowledged.
        answers: to clients, in all.
        longest: seconds of the longest request.
    """

    imported: float
    rolled_back: float
    answers: int
    longest: float


def play(directory: Path, rows: int, settings: Settings | None = None) -> Played:
    """Import `rows` hashes, and roll the list back. Fails if anything listed is delivered after the import was
    acknowledged, or anything else is refused at any time, or anything at all after the rollback was acknowledged."""
    photos = builtin_photos()
    listed, others = photos[:LISTED], [*photos[LISTED:], fresh()]
    shown = [*listed, *map(smaller_webp, listed)]
    with Stack(directory, "fill", settings=merged_settings(NO_KEY_CHECKS, settings or {})) as stack:
        stack.edge.create_list(LIST)
        for photo in (*shown, *others):
            stack.serve(photo)
            assert stack.get(photo.path).status == 200
        with Load(stack.client_address, [*shown, *others], pause=PAUSE_SECONDS) as load:
            load.wait_for(ANSWERS)
            version = stack.edge.api("GET", "/status")["version"]
            began = time.perf_counter()
            _import(stack.edge, _file(listed, rows))
            acknowledged = time.perf_counter()
            load.wait_for(ANSWERS)
            rolling_back = time.perf_counter()
            _roll_back(stack.edge, version)
            rolled_back = time.perf_counter()
            load.wait_for(ANSWERS)
        _check(load.served, {photo.path for photo in shown}, (began, acknowledged, rolling_back, rolled_back))
        assert not load.failed
        assert_no_defects(stack)
    longest = max(served.seconds for served in load.served)
    return Played(acknowledged - began, rolled_back - rolling_back, len(load.served), longest)


def _file(listed: Sequence[Photo], rows: int) -> bytes:
    """Hashes of nothing, in all types; among them, at random places, one of each photograph."""
    chance = random.Random(rows)
    kinds = (("pdq", 32), ("md5", 16), ("sha1", 20))
    lines = [f"{kind}:{chance.randbytes(size).hex()}" for kind, size in chance.choices(kinds, k=rows - 2 * len(listed))]
    for photo in listed:
        pdq = next(
            each
            for each in fingerprint(photo.body, HashingSettings(signals=("sha256", "pdq"))).signals
            if each.type == "pdq"
        )
        for line in (f"pdq:{pdq.value}", f"md5:{hashlib.md5(photo.body, usedforsecurity=False).hexdigest()}"):
            lines.insert(chance.randrange(len(lines)), line)
    return "\n".join(lines).encode()


def _import(edge: Edge, body: bytes) -> None:
    """Returns when every process acts by the file, and every copy of what it lists is known to be gone."""
    query = f"?reason=a+long+file&wait=verified&timeout={PATIENCE_SECONDS}"
    answer = edge.call("POST", f"/lists/{LIST}/imports{query}", body=body, timeout=PATIENCE_SECONDS)
    assert answer.status in (200, 202), answer.body
    job: dict[str, Any] = answer.json()["job"]
    assert (job["state"], job["owed"]) == ("done", {}), job


def _roll_back(edge: Edge, version: int) -> None:
    """Returns when every process acts by the list as it was."""
    job = edge.api("POST", f"/lists/{LIST}/rollback", {"version": version, "why": "a drill"})["job"]["id"]
    until(lambda: edge.api("GET", f"/jobs/{job}")["state"] == "done", "the rollback", PATIENCE_SECONDS)


def _check(answers: Sequence[Served], listed: Collection[str], times: tuple[float, float, float, float]) -> None:
    began, acknowledged, rolling_back, rolled_back = times
    for each in answers:
        is_listed = each.photo.path in listed
        if not is_listed or each.ended < began or each.began > rolled_back:
            assert each.shows, (each.photo.path, each.answer.status)
        elif each.began > acknowledged and each.ended < rolling_back:
            assert each.answer.status == 451, (each.photo.path, each.answer.status)
        else:
            assert each.shows or each.answer.status == 451, (each.photo.path, each.answer.status)
