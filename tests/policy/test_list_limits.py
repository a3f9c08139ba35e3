"""What mode a list has at a target, and what an image is there: docs/lists.md has the precedence as a table."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.matching.examples import PDQ, SHA, image, matcher, pdq

from edgeward.policy.list_limits import Place, mode_below, verdict_at, verdict_on
from edgeward.types import Entry, HashList, ListKind, Mode, Reason, Signal, Target, Verdict

DOCS = Path(__file__).parents[2] / "docs" / "lists.md"
LIMITED = HashList("a", hosts=("img.example.org", "*.cdn.example"), paths=("/uploads/",))


def at(path: str, host: str = "img.example.org", scheme: str = "http") -> Target:
    return Target(scheme, host, path)


def mode(hash_list: HashList, target: Target) -> Mode:
    return Place.of(target).has_mode(hash_list)


def test_a_list_without_limits_acts_everywhere() -> None:
    """In its own mode, whatever the target."""
    for each in Mode:
        assert mode(HashList("a", mode=each), at("/x", "")) is each


@pytest.mark.parametrize("host", ["img.example.org", "IMG.Example.ORG", "img.example.org.", "img.example.org:8080"])
def test_no_spelling_of_a_host_is_a_way_around(host: str) -> None:
    """Nor any port, scheme or query."""
    for scheme in ("http", "https"):
        assert mode(LIMITED, at("/uploads/a.jpg?x", host, scheme)) is Mode.ENFORCE
    assert mode(LIMITED, at("/uploads/a.jpg", f"x.{host}")) is Mode.OFF
    assert mode(LIMITED, at("/uploads/a.jpg", "x.cdn.example")) is Mode.ENFORCE
    assert mode(LIMITED, at("/uploads/a.jpg", "cdn.example")) is Mode.OFF


INSIDE = (
    "/uploads/a.jpg",
    "//uploads//a.jpg",
    "/./uploads/a.jpg",
    "/%75ploads/a.jpg",
    "/UPLOADS/../uploads/a.jpg",
    "/x/%2e%2e/uploads/a.jpg",
    "/x/%2E./uploads/a.jpg",
    "/uploads%2Fa.jpg",
    "/uploads%2fa.jpg",
    "\\uploads\\a.jpg".replace("\\", "/", 1),
    "/x/..;/uploads/a.jpg",
    "/uploads;v=1/a.jpg",
    "/%2575ploads/a.jpg",
    "/uploads/../other/a.jpg",  # a server that keeps dots has it below /uploads/
    "/uploads/..%2fother/a.jpg",
    "/uploads/a.jpg#/other",
    "/uploads/a.jpg?/other",
)
"""Targets that some server reads as one below /uploads/."""
OUTSIDE = ("/other/a.jpg", "/upload", "/uploads", "/Uploads/a.jpg", "/x/uploads/a.jpg", "/?/uploads/", "/#/uploads/")


@pytest.mark.parametrize("path", INSIDE)
def test_no_spelling_of_a_path_is_a_way_around(path: str) -> None:
    """A blocklist acts if any server may read the path so."""
    assert mode(LIMITED, at(path)) is Mode.ENFORCE


def test_other_paths_are_left_alone() -> None:
    """Case counts, as it does for caches; a query is no path."""
    assert {path: mode(LIMITED, at(path)) for path in OUTSIDE} == dict.fromkeys(OUTSIDE, Mode.OFF)


def test_no_spelling_of_a_path_gets_the_protection_of_an_allowlist() -> None:
    """It protects only what every server reads as a path below its own."""
    fine = replace(LIMITED, kind=ListKind.ALLOW)
    assert mode(fine, at("/uploads/a.jpg")) is Mode.ENFORCE
    for path in ("/uploads/../other/a.jpg", "/uploads/%2e%2e/other/a.jpg", "/uploads/..;/other", "/uploads%2Fa.jpg"):
        assert mode(fine, at(path)) is Mode.OFF, path


def test_a_share_is_the_same_for_every_spelling_of_a_url() -> None:
    """And has about as many targets as it says; a greater one has all of a smaller one. Each list has its own."""
    targets = [at(f"/{number}.jpg") for number in range(4000)]
    for one, other in (("/1.jpg", "/1.jpg?w=100"), ("/1.jpg", "//x/../1.jpg"), ("/~1", "/%7E1"), ("/1;a", "/1")):
        for share in range(1, 100):
            of_share = HashList("a", share=float(share))
            assert mode(of_share, at(one)) is mode(of_share, at(other, "IMG.example.org:81", "https"))
    before: set[Target] = set()
    for share in (0.5, 10.0, 25.0, 60.0, 99.0):
        found = {each for each in targets if mode(HashList("a", share=share), each) is Mode.ENFORCE}
        assert before <= found
        assert abs(len(found) - 40 * share) < 130
        before = found
    others = {each for each in targets if mode(HashList("b", share=60.0), each) is Mode.ENFORCE}
    assert len(others - before) > 10
    assert mode(HashList("a", mode=Mode.MONITOR, share=1.0), targets[0]) is Mode.MONITOR


def test_a_share_is_equal_on_all_machines() -> None:
    """The numbers are fixed: another release, and another machine, block the same targets."""
    found = [n for n in range(60) if mode(HashList("a", share=10.0), at(f"/{n}.jpg")) is Mode.ENFORCE]
    assert found == SHARE_OF_TEN


SHARE_OF_TEN = [0, 11, 29, 30, 35, 43, 56, 58]


def test_a_prefix_has_the_mode_that_a_blocklist_has_somewhere_below_it() -> None:
    """And that which an allowlist has everywhere below it. A prefix may end anywhere; without a host all are meant."""
    prefix, other = Target("http", "img.example.org:80", "/x"), Target("http", "other.test", "/uploads/")
    assert [mode_below(LIMITED, each) for each in (prefix, other, Target("", "", "/"))] == [
        *(Mode.ENFORCE, Mode.OFF, Mode.ENFORCE)
    ]
    fine = replace(LIMITED, kind=ListKind.ALLOW)
    assert [mode_below(each, prefix) for each in (fine, replace(fine, paths=()))] == [Mode.OFF, Mode.ENFORCE]
    assert mode_below(replace(fine, paths=()), Target("", "", "/")) is Mode.OFF
    assert mode_below(HashList("a", share=1.0), other) is Mode.ENFORCE
    assert mode_below(HashList("a", mode=Mode.OFF, share=1.0), other) is Mode.OFF


async def test_the_verdict_depends_on_the_target() -> None:
    """An image that two lists have is blocked by the one that acts there, though the other is nearer."""
    lists = matcher(HashList("near", hosts=("a.test",)), HashList("far", hosts=("b.test",), radius={"pdq": 20}))
    lists.add_entry(Entry("near", pdq(2)))
    lists.add_entry(Entry("far", pdq(12)))
    names = {}
    for host in ("a.test", "b.test", "c.test"):
        verdict = await verdict_on(lists, image(pdq()), at("/x", host))
        names[host] = verdict.match and (verdict.match.entry.list, verdict.match.distance)
    assert names == {"a.test": ("near", 2), "b.test": ("far", 12), "c.test": None}
    first = lists.first_of_each_list(lists.matches(image(pdq())))
    assert [match.entry.list for match in first] == ["near", "far"]
    assert [verdict_at(lists, first, at("/x", f"{each}.test")).blocks for each in "abc"] == [True, True, False]


def test_the_first_match_of_each_list_decides_as_all_do() -> None:
    """In the same order: so no verdict changes, and no more is kept of an image than there are lists."""
    lists = matcher(HashList("a", share=50.0), HashList("b"), HashList("c", mode=Mode.MONITOR))
    for name, distances in (("b", (9, 3)), ("a", (5, 1, 7)), ("c", (0, 2))):
        for distance in distances:
            lists.add_entry(Entry(name, pdq(distance)))
    lists.add_entry(Entry("b", SHA))
    matches = lists.matches(image(SHA, pdq()))
    first = lists.first_of_each_list(matches)
    assert [(match.entry.list, match.signal.type, match.distance) for match in first] == [
        *(("b", "sha256", 0), ("c", "pdq", 0), ("a", "pdq", 1))
    ]
    for number in range(20):
        assert verdict_at(lists, first, at(f"/{number}")) == verdict_at(lists, matches, at(f"/{number}"))
    assert lists.depends_on_target(matches)
    assert not lists.depends_on_target([match for match in matches if match.entry.list != "a"])


def test_a_list_may_ask_for_more_quality() -> None:
    """Of the image and of the entry, and never for less than hashing.min_quality."""
    for of_list, of_image, of_entry, expected in (
        *((0, 50, 50, True), (80, 79, 100, False), (80, 100, 79, False), (80, 80, 80, True), (10, 49, 100, False)),
        (80, None, None, True),
    ):
        lists = matcher(HashList("a", min_quality=of_list), HashList("others"))
        lists.add_entry(Entry("a", pdq(3, of_entry)))
        assert lists.verdict(image(pdq(0, of_image))).blocks is expected, (of_list, of_image, of_entry)
    lists.add_entry(Entry("others", pdq(5, 60)))
    assert lists.verdict(image(pdq(0, 60))).match is not None
    lists.add_entry(Entry("a", Signal("sha256", SHA.value)))
    assert lists.verdict(image(SHA, pdq(0, 60))).match == lists.matches(image(SHA))[0]


CASES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "off": ([{"mode": Mode.OFF}], "no_match"),
    "elsewhere": ([{"hosts": ("other.test",)}], "no_match"),
    "below another path": ([{"paths": ("/other/",)}], "no_match"),
    "allowlist": ([{"kind": ListKind.ALLOW, "distance": 30}, {}], "allowlisted"),
    "allowlist elsewhere": ([{"kind": ListKind.ALLOW, "hosts": ("other.test",)}, {}], "match"),
    "allowlist in mode monitor": ([{"kind": ListKind.ALLOW, "mode": Mode.MONITOR}, {}], "match"),
    "enforced": ([{"distance": 30}, {"mode": Mode.MONITOR}], "match"),
    "outside its share": ([{"share": 1.0}], "monitored"),
    "outside its share, enforced by another": ([{"share": 1.0}, {"distance": 30}], "match"),
    "monitored": ([{"mode": Mode.MONITOR}], "monitored"),
    "too low a quality": ([{"min_quality": 100}], "no_match"),
}
"""By the row of the table: policies of lists that match the image of quality 90, and the reason of the verdict."""


def _verdict(policies: list[dict[str, Any]]) -> Verdict:
    lists = matcher()
    for number, policy in enumerate(policies):
        values = dict(policy)
        distance = values.pop("distance", 0)
        lists.set_list(HashList(f"list{number}", **values))
        lists.add_entry(Entry(f"list{number}", Signal("pdq", f"{PDQ ^ ((1 << distance) - 1):064x}", 90)))
    return verdict_at(lists, lists.matches(image(pdq(0, 90))), at("/uploads/a.jpg"))


@pytest.mark.parametrize("name", CASES)
def test_precedence(name: str) -> None:
    """Each row of the table in docs/lists.md is a case here, with the reason that it names."""
    policies, reason = CASES[name]
    assert _verdict(policies).reason is Reason(reason)
    table = DOCS.read_text().partition("## Which list decides")[2].partition("\n## ")[0]
    rows = {row[1].strip(): row[2] for row in re.finditer(r"^\| ([^|]+) \|.*`(\w+)` \|$", table, re.MULTILINE)}
    assert rows.keys() == CASES.keys()
    assert rows[name] == reason
