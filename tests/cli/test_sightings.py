"""`sightings`."""

from collections.abc import Callable

from tests.cli.conftest import Api, Ended

type Run = Callable[..., Ended]
SIGHTING = {"url": "http://host/a.jpg", "vary": {}, "size": 5, "sha256": "ab" * 32, "seen_at": 1767225600.5}


def test_shows_what_a_url_served(api: Api, edgeward: Run) -> None:
    """The URL is sent byte for byte; each sighting is one line."""
    api.answer("GET /api/v1/sightings", {"sightings": [SIGHTING]})
    out = edgeward("sightings", "--url", "http://host/a.jpg?x=1&y").out
    assert api.requests[0].path.endswith("?url=http%3A%2F%2Fhost%2Fa.jpg%3Fx%3D1%26y&limit=100")
    assert out.splitlines()[1].split() == ["2026-01-01T00:00:00.500Z", "5", "ab" * 32, "http://host/a.jpg"]


def test_shows_where_an_image_was_served(api: Api, edgeward: Run) -> None:
    """--sha256 is sent, and --json prints the response of the API."""
    api.answer("GET /api/v1/sightings", {"sightings": [SIGHTING]})
    ended = edgeward("sightings", "--sha256", "ab" * 32, "--limit", 2, "--json")
    assert api.requests[0].path.endswith(f"?sha256={'ab' * 32}&limit=2")
    assert ended.json == {"sightings": [SIGHTING]}


def test_shows_the_latest(api: Api, edgeward: Run) -> None:
    """Without an option the latest sightings are requested; none is printed as "none"."""
    api.answer("GET /api/v1/sightings", {"sightings": []})
    assert edgeward("sightings").out == "none\n"
    assert api.requests[0].path.endswith("?limit=100")
