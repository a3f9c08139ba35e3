"""What would happen to an image or a hash under the current lists and policy."""

from collections.abc import Sequence
from dataclasses import dataclass

from edgeward.hashing import signals
from edgeward.matching.matcher import OWN_MODE
from edgeward.operations import image_hashing
from edgeward.operations.services import Services
from edgeward.policy.list_limits import Place
from edgeward.policy.unscanned_targets import UnscannedTargets
from edgeward.settings.config import Config
from edgeward.types import Decision, Fingerprint, HashList, Match, Mode, Reason, Signal, Target, Verdict


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The verdict on a fingerprint.

    Attributes:
        reason: if it is that of a flaw, the operator's policy for images with that flaw decided.
        matches: each match, with its list, and the mode that the list has at `target`.
        target: the one that was asked about; None: the verdict is that where every list acts.
        version: version of the lists.
    """

    fingerprint: Fingerprint
    decision: Decision
    reason: Reason
    matches: Sequence[tuple[Match, HashList, Mode]]
    version: int
    target: Target | None = None


async def check(services: Services, fingerprint: Fingerprint, target: Target | None = None) -> CheckResult:
    """Match a fingerprint against the lists, as for an image in transit at a target.

    Args:
        target: None: at one where every list acts.
    """
    mode_of = Place.of(target).has_mode if target else OWN_MODE
    matcher = services.replica.matcher
    # All matches are shown, so not `verdict_async`. It searches in time slices: other requests go on meanwhile.
    matches = await matcher.matches_async(fingerprint)
    verdict = matcher.verdict_from(matches, mode_of)
    decision, reason = _decide(verdict, fingerprint, services.config)
    if target and target in UnscannedTargets(services.config.scan_exceptions):
        decision, reason = Decision.DELIVER, Reason.NOT_SCANNED
    lists = matcher.lists
    with_lists = [(match, of := lists[match.entry.list], mode_of(of)) for match in matches]
    return CheckResult(fingerprint, decision, reason, with_lists, verdict.version, target)


async def fingerprint_of_image(services: Services, body: bytes) -> Fingerprint:
    """The exact fingerprint of an image, in all views that the current lists match.

    Raises:
        BadImage: the bytes are neither an image nor an SVG.
        Unavailable: every hasher is busy.
    """
    return await image_hashing.fingerprint(services, body, services.replica.matcher.views)


def fingerprint_of_hash(text: str, quality: int | None = None) -> Fingerprint:
    """The fingerprint of an image of which only one hash is known, as "TYPE:HEX".

    Raises:
        BadSignal: the hash is malformed, or `quality` is given for a type that has none.
    """
    parsed = signals.parse(text)
    signal = signals.validate(Signal(parsed.type, parsed.value, quality))
    sha256 = signal.value if signal.type == "sha256" else ""
    return Fingerprint(sha256, media_type="", size=0, signals=(signal,))


def _decide(verdict: Verdict, fingerprint: Fingerprint, config: Config) -> tuple[Decision, Reason]:
    """As in transit: the operator's policy decides about an image that could not be hashed and matches nothing."""
    if fingerprint.flaw and verdict.reason is Reason.NO_MATCH:
        return Decision(config.decide(fingerprint.flaw)), Reason(fingerprint.flaw)
    return verdict.decision, verdict.reason
