"""What tests ask of responses, and of how they were counted."""

from tests.proxy.conftest import Reply

from edgeward import metrics

IMAGE = ("Content-Type: image/jpeg", 'ETag: "1"')
"""Headers of an image, with a validator."""


def verdict_count(verdict: str, reason: str) -> float:
    """How many responses were counted with this verdict and reason so far."""
    return metrics.registry.get_sample_value("edgeward_responses_total", {"verdict": verdict, "reason": reason}) or 0


def shows(reply: Reply, image: bytes) -> bool:
    """Whether any part of the image's data is in the response."""
    return any(image[at : at + 64] in reply.body for at in range(0, len(image) - 64, 997))


def ended(reason: str) -> float:
    """How many connections a limit has ended so far, for this reason."""
    return metrics.registry.get_sample_value("edgeward_connections_ended_total", {"reason": reason}) or 0
