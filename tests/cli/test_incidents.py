"""`incidents`."""

from collections.abc import Callable

from tests.cli.conftest import ENTRY, Api, Ended

INCIDENT = {
    "id": "1-0",
    "at": 1767225600.5,
    "decision": "block",
    "reason": "match",
    "hits": 41,
    "url": "http://host/a.jpg",
    "vary": {},
    "sha256": "ab" * 32,
    "list": "court",
    "entry": ENTRY["id"],
    "act": ENTRY["act"],
    "source_id": "NCMEC-7",
    "tags": ["A1", "B2"],
    "type": "pdq",
    "distance": 0,
    "view": "turned",
    "frame": 7,
    "classifier": "",
    "label": "",
    "score": 0.0,
}


def test_shows_a_table(api: Api, edgeward: Callable[..., Ended]) -> None:
    """Each incident is one line, and a distance of 0 is printed as 0, not as a dash."""
    api.answer("GET /api/v1/incidents", {"incidents": [INCIDENT]})
    line = edgeward("incidents", "--limit", 4).out.splitlines()[1]
    entry = ENTRY["id"]
    assert line.split() == [
        "2026-01-01T00:00:00.500Z",
        "41",
        "block",
        "match",
        "court",
        entry,
        ENTRY["act"],
        "pdq",
        "0",
        "turned",
        "7",
        "-",
        "-",
        "NCMEC-7",
        "A1,",
        "B2",
        "http://host/a.jpg",
    ]
    assert api.requests[0].path.endswith("?limit=4")


def test_an_incident_of_a_classifier_has_no_match(api: Api, edgeward: Callable[..., Ended]) -> None:
    """A classifier's incident has label and score, and dashes for what only a match has."""
    nothing = {
        "list": "",
        "entry": "",
        "act": "",
        "source_id": "",
        "tags": [],
        "type": "",
        "view": "stored",
        "frame": 0,
    }
    classified = {"decision": "deliver", "reason": "classified", "classifier": "model", "label": "a cat", "score": 0.93}
    api.answer("GET /api/v1/incidents", {"incidents": [INCIDENT | nothing | classified]})
    words = edgeward("incidents").out.splitlines()[1].split()
    assert words[1:] == [
        "41",
        "deliver",
        "classified",
        *"-------",
        "model:",
        "a",
        "cat",
        "0.93",
        "-",
        "-",
        "http://host/a.jpg",
    ]


def test_json_is_the_apis_own(api: Api, edgeward: Callable[..., Ended]) -> None:
    """--json prints the response of the API unchanged."""
    api.answer("GET /api/v1/incidents", {"incidents": [INCIDENT]})
    assert edgeward("incidents", "--json").json == {"incidents": [INCIDENT]}
