"""Checks of the lists of a running controller."""

from tests.support.controllers import Api


def _found(api: Api) -> dict[str, dict[str, str]]:
    findings = api.post("/doctor", {}).json["findings"]
    return {each["check"]: each for each in findings if each["about"] == "lists"}


def test_lists_are_checked(api: Api, a_list: str) -> None:
    """Entries, their types, the age of the last change, and whether every process is up to date."""
    api.post(f"/lists/{a_list}/entries", {"hashes": ["md5:" + "3c" * 16]})
    found = _found(api)
    assert {check: each["health"] for check, each in found.items()} == dict.fromkeys(
        ("entries", "types", "age", "replicas"), "ok"
    )
    assert "changed less than a minute ago" in found["age"]["detail"]


def test_entries_that_match_nothing_are_named(api: Api, a_list: str) -> None:
    """PhotoDNA can be listed, but is not installed here."""
    api.post(f"/lists/{a_list}/entries", {"hashes": ["photodna:" + "3c" * 144]})
    found = _found(api)["types"]
    assert (found["health"], "1 of type photodna" in found["detail"]) == ("warn", True)
    api.delete(f"/lists/{a_list}")
    assert _found(api)["types"]["health"] == "ok"
