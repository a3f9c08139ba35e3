"""Where and when a list acts, through the API: what is possible, what is not, and what the audit trail says."""

import time
from typing import Any

import pytest
from tests.support.controllers import Api

MD5 = "md5:" + "7" * 32
LIMITS: dict[str, Any] = {
    "hosts": ["img.example.org", "*.cdn.example"],
    "paths": ["/uploads/"],
    "share": 25.0,
    "expires_at": 4102444800.0,
    "min_quality": 80,
}
NONE: dict[str, Any] = {"hosts": [], "paths": [], "share": 100.0, "expires_at": 0.0, "min_quality": 0}


def limits_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in LIMITS}


def test_limits_are_set_shown_changed_and_lifted(api: Api) -> None:
    """Each alone, as written: hosts in lower case and as browsers send them, paths percent-encoded."""
    made = api.post("/lists", {"name": "limited", **LIMITS, "hosts": ["IMG.example.org.", "*.cdn.example"]})
    assert (made.status, limits_of(made.json)) == (201, LIMITS)
    assert limits_of(api.get("/lists/limited").json) == LIMITS
    changed = api.patch("/lists/limited", {"hosts": ["bücher.example"], "paths": ["/größe/"]}).json
    assert (changed["hosts"], changed["paths"]) == (["xn--bcher-kva.example"], ["/gr%C3%B6%C3%9Fe/"])
    assert (changed["share"], changed["min_quality"]) == (25.0, 80)
    assert limits_of(api.patch("/lists/limited", NONE).json) == NONE
    plain = api.post("/lists", {"name": "unlimited"}).json
    assert limits_of(plain) == NONE


def test_the_audit_trail_has_the_limits_that_were_changed(api: Api) -> None:
    """Also those that were lifted, and not those that stayed."""
    api.post("/lists", {"name": "audited", "hosts": ["a.test"], "why": "w"})
    api.patch("/lists/audited", {"share": 10, "why": "w"})
    api.patch("/lists/audited", {"hosts": [], "why": "w"})
    lifted, shared, made = (line["about"] for line in api.get("/audit?list=audited").json["acts"])
    assert (lifted, shared) == ({"hosts": []}, {"share": 10.0})
    assert made["hosts"] == ["a.test"]
    assert not made.keys() & {"paths", "share", "expires_at", "min_quality"}


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("hosts", ["a.test:8080"], "has a port"),
        ("hosts", ["*"], "every host"),
        ("hosts", ["a.test", "b test"], "'b test' is not a host"),
        ("hosts", ["ü.*.test"], "is not a host"),
        ("hosts", [f"{number}.test" for number in range(101)], "at most 100"),
        ("hosts", "a.test", ""),
        ("paths", ["uploads"], "beginning of a path"),
        ("paths", ["/a/../b"], "dot segments"),
        ("paths", ["/a?b"], "query"),
        ("share", 0, "more than 0"),
        ("share", 100.1, "at most 100"),
        ("share", "10", ""),
        ("expires_at", -1, "Unix seconds"),
        ("expires_at", 1e300, "Unix seconds"),
        ("expires_at", 1000, "is over"),
        ("min_quality", 101, ""),
        ("min_quality", -1, ""),
    ],
)
def test_what_is_impossible_is_named(api: Api, key: str, value: object, why: str) -> None:
    """With its key, and what is wrong; nothing is created or changed."""
    refused = api.post("/lists", {"name": "refused", key: value})
    assert (refused.status, refused.json["key"].partition(".")[0]) == (422, key), refused.json
    assert why in refused.json["detail"]
    assert api.get("/lists/refused").status == 404


def test_an_allowlist_has_no_share(api: Api) -> None:
    """Neither a new one nor an old one; other limits it may have."""
    assert api.post("/lists", {"name": "fine", "kind": "allow", "share": 50}).json["key"] == "share"
    assert api.post("/lists", {"name": "fine", "kind": "allow", "hosts": ["a.test"]}).status == 201
    refused = api.patch("/lists/fine", {"share": 50})
    assert (refused.status, refused.json["key"]) == (422, "share")


def test_check_says_what_an_image_is_at_a_url(api: Api) -> None:
    """The verdict, and the mode of each list there. Without a URL every list acts."""
    api.post("/lists", {"name": "here", "hosts": ["img.example.org"], "paths": ["/uploads/"]})
    api.post("/lists/here/entries", {"hashes": [MD5]})
    found = {}
    for at in ("", "http://img.example.org:8080//uploads/a.jpg", "http://img.example.org/x", "https://other.test/"):
        answer = api.post("/check", {"hash": MD5, "at": at}).json
        (match,) = answer["matches"]
        assert (answer["at"], match["mode"], match["hosts"], match["paths"]) == (
            *(at, "enforce", ["img.example.org"], ["/uploads/"]),
        )
        found[at] = answer["decision"], answer["reason"], match["mode_here"]
    assert [*found.values()] == [
        *[("block", "match", "enforce")] * 2,
        *[("deliver", "no_match", "off")] * 2,
    ]
    assert api.post("/check", {"hash": MD5, "at": "ftp://x"}).json["key"] == "at"
    api.patch("/lists/here", {"hosts": [], "paths": [], "share": 0.000001})
    outside = api.post("/check", {"hash": MD5, "at": "http://img.example.org/x"}).json
    assert (outside["reason"], outside["matches"][0]["mode_here"]) == ("monitored", "monitor")


def test_a_list_that_has_ended_needs_a_new_end(api: Api) -> None:
    """To be enforced again: otherwise it would be turned off at once. Its end is in the future when it is set."""
    soon = time.time() + 0.5
    api.post("/lists", {"name": "short", "mode": "off", "expires_at": soon})
    while time.time() < soon + 0.1:
        api.get("/lists/short")
    refused = api.patch("/lists/short", {"mode": "enforce"})
    assert (refused.status, refused.json["key"]) == (422, "expires_at")
    assert "has ended at" in refused.json["detail"]
    assert api.patch("/lists/short", {"description": "d"}).status == 200
    assert api.patch("/lists/short", {"mode": "enforce", "expires_at": 0}).status == 200
