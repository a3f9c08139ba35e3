"""A hasher as its parent sees it: started, sent an image, not trusted, ended."""

import json
import os
import signal
from collections.abc import AsyncIterator

import pytest
from tests.hashing.pictures import PHOTOGRAPHS, animated, jpeg, photograph

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers import hasher as module
from edgeward.hashing.hashers.hasher import Hasher, read_answer
from edgeward.isolation.isolated_process import ProcessDied
from edgeward.settings.config import SIGNAL_TYPES, HashingSettings
from edgeward.types import View

SETTINGS = HashingSettings()


@pytest.fixture
async def hasher() -> AsyncIterator[Hasher]:
    started = await Hasher.start(SETTINGS)
    yield started
    await started.close()


async def test_an_image_is_hashed(hasher: Hasher) -> None:
    """The answer is what `fingerprint` makes of the body, for small and large bodies."""
    for body in (jpeg(), jpeg() + bytes(3_000_000)):
        await hasher.begin(body, HashRequest(exact=True))
        assert await hasher.answer() == fingerprint(body, SETTINGS, HashRequest(exact=True))
    assert hasher.alive


async def test_long_animations_are_answered() -> None:
    """The answer to an animation in all views may be larger than the answer to one picture."""
    settings = HashingSettings(max_frames=1000, timeout_ms=60_000)
    hasher = await Hasher.start(settings)
    frames = [photograph(name).resize((40, 30)).rotate(turn) for name in PHOTOGRAPHS for turn in range(0, 100, 10)]
    request = HashRequest(views=frozenset({View.DIHEDRAL, View.GEOMETRY}))
    await hasher.begin(animated(frames, "WEBP"), request)
    found = await hasher.answer()
    assert len({signal.frame for signal in found.signals}) > 20
    assert len(found.to_json()) > 128 * 1024
    assert hasher.max_answer > 50 * 1024 * 1024
    await hasher.close()


async def test_a_dead_hasher_does_not_begin(hasher: Hasher) -> None:
    """`begin` on a hasher that was killed while idle raises ProcessDied."""
    os.kill(hasher.pid, signal.SIGKILL)
    assert await hasher.ended() == -signal.SIGKILL
    assert not hasher.alive
    with pytest.raises(ProcessDied):
        await hasher.begin(jpeg(), HashRequest())


async def test_killing_is_final(hasher: Hasher) -> None:
    """A killed hasher is not alive from then on, and keeps the cause for the metrics."""
    hasher.kill("timeout")
    assert not hasher.alive
    assert hasher.cause == "timeout"
    assert await hasher.ended() == -signal.SIGKILL


async def test_a_hasher_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hasher that can't start is an error, not an endless wait."""
    monkeypatch.setattr(module, "_WORKER", "no_such_module")
    with pytest.raises(ProcessDied):
        await Hasher.start(SETTINGS)


GOOD = json.loads(fingerprint(jpeg(), SETTINGS).to_json())


def test_a_good_answer_is_read() -> None:
    """A well-formed answer becomes a fingerprint."""
    assert read_answer(json.dumps(GOOD).encode(), SIGNAL_TYPES).width == 320


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "ab"},
        {"sha256": 7},
        {"width": 1 << 63},
        {"sha256": GOOD["sha256"].upper()},
        {"media_type": "text/html; charset=\r\n"},
        {"size": -1},
        {"size": "1"},
        {"width": 1.5},
        {"flaw": "none of ours"},
        {"more": 1},
        {"signals": None},
        {"signals": [{"type": "pdq", "value": "00", "quality": 1}]},
        {"signals": [{"type": "sha512", "value": "00" * 64, "quality": None}]},
        {"signals": [{"type": "pdq", "value": "00" * 32, "quality": 101}]},
        {"signals": [{"type": [], "value": "00" * 32, "quality": 1}]},
        {"signals": [{"type": "md5", "value": ["0"] * 32, "quality": None}]},
        {"signals": [{"type": "pdq", "value": "00" * 32, "quality": 1, "view": "none of ours"}]},
        {"signals": [{"type": "pdq", "value": "00" * 32, "quality": 1, "frame": -1}]},
        {"signals": [{"type": "pdq", "value": "00" * 32, "quality": 1, "frame": 1.0}]},
        {"signals": [{"type": "pdq", "value": "00" * 32, "quality": 1, "frame": 10**6}]},
    ],
)
def test_a_malformed_answer_is_refused(change: dict[str, object]) -> None:
    """A hasher that was taken over can lie, but can't send a fingerprint that breaks its users."""
    with pytest.raises(ProcessDied, match="malformed"):
        read_answer(json.dumps(GOOD | change).encode(), SIGNAL_TYPES)


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"\x80\x04pickle", b"[" * 100_000, b'{"sha256": "'])
def test_garbage_is_refused(payload: bytes) -> None:
    """Bytes that are not a JSON object raise ProcessDied, and no other error."""
    with pytest.raises(ProcessDied):
        read_answer(payload, SIGNAL_TYPES)
