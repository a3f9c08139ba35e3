"""What would happen to an image, or to a hash, by the lists of this moment."""

from collections.abc import Sequence

from aiohttp import web

from edgeward.config import Config
from edgeward.control import bodies, images, views
from edgeward.control.services import Services, services
from edgeward.hashing import signals
from edgeward.types import Fingerprint, Match, Reason, Signal, Verdict


async def check(request: web.Request) -> web.Response:
    """POST /check"""
    bodies.query(request, bodies.NoQuery)
    within = services(request)
    if images.is_json(request):
        made = await _of_hash(request)
    else:
        made = await images.fingerprint(request, within.replica.matcher.views)
    matches = await within.replica.matcher.patient_matches(made)
    return web.json_response(_answer(within, made, matches))


async def _of_hash(request: web.Request) -> Fingerprint:
    body = await bodies.parse(request, bodies.HashToCheck)
    parsed = signals.parse(body.hash)
    signal = signals.validate(Signal(parsed.type, parsed.value, body.quality))
    sha256 = signal.value if signal.type == "sha256" else ""
    return Fingerprint(sha256, media_type="", size=0, signals=(signal,))


def _answer(within: Services, made: Fingerprint, matches: Sequence[Match]) -> views.Json:
    matcher = within.replica.matcher
    verdict = matcher.conclude(matches)
    decision, reason = _outcome(verdict, made, within.config)
    return {
        "decision": decision,
        "reason": reason,
        "fingerprint": views.fingerprint(made),
        "matches": [views.match(match, matcher.lists[match.entry.list]) for match in matches],
        "version": verdict.version,
    }


def _outcome(verdict: Verdict, made: Fingerprint, config: Config) -> tuple[str, str]:
    """As in transit: an image that could not be hashed and matches nothing is up to the operator's policy."""
    if made.flaw and verdict.reason is Reason.NO_MATCH:
        return config.decide(made.flaw), made.flaw.value
    return verdict.decision.value, verdict.reason.value
