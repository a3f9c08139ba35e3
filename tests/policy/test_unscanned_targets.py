"""Where nothing is scanned, and that no spelling makes more go unscanned."""

import pytest

from edgeward.policy.unscanned_targets import MAX_NAMED, UnscannedTargets
from edgeward.settings.scan_settings import ScanException
from edgeward.types import Target

WHOLE = ScanException(hosts=("law.test", "*.law.test"))
PART = ScanException(hosts=("img.test",), paths=("/private/", "/mail/"))
UNSCANNED = UnscannedTargets((WHOLE, PART))


def is_unscanned(path: str, host: str = "img.test") -> bool:
    return Target("http", host, path) in UNSCANNED


def test_a_whole_host_is_not_scanned_however_it_is_written() -> None:
    """Nor at any path; other hosts are."""
    for host in ("law.test", "LAW.Test.", "law.test:8443", "a.b.law.test"):
        assert is_unscanned("/x/../y", host), host
    for host in ("outlaw.test", "law.test.evil", "", "img.test"):
        assert not is_unscanned("/x", host), host
    assert Target("http", "law.test", "/") not in UnscannedTargets(())


@pytest.mark.parametrize(
    "path", ["/private/a.jpg", "/private//a.jpg", "/%70rivate/a.jpg", "/private/x?y#z", "/mail/%20"]
)
def test_paths_that_every_server_reads_so_are_not_scanned(path: str) -> None:
    """Below one of the paths in each reading."""
    assert is_unscanned(path)


@pytest.mark.parametrize(
    "path",
    [
        "/uploads/a.jpg",
        "/private",
        "/Private/a.jpg",
        "/private/../uploads/a.jpg",
        "/private/%2e%2e/uploads/a.jpg",
        "/private/%252e%252e/uploads/a.jpg",
        "/private/..%2fuploads/a.jpg",
        "/private/..;/uploads/a.jpg",
        "/private/..\\uploads/a.jpg",
        "/uploads/../private/a.jpg",
        "//private/a.jpg",
        "/private%2Fa.jpg",
        "/private;x/a.jpg",
        "/%2570rivate/a.jpg",
        "/?/private/a.jpg",
        "/#/private/",
    ],
)
def test_no_spelling_of_a_path_escapes_the_scan(path: str) -> None:
    """What one server reads as another path is scanned."""
    assert not is_unscanned(path)


def test_they_are_named_for_people() -> None:
    """All, or those that concern certain hosts; not too many."""
    assert UNSCANNED.named() == ["law.test", "*.law.test", "img.test/private/", "img.test/mail/"]
    assert UNSCANNED.named(["IMG.test:80"]) == ["img.test/private/", "img.test/mail/"]
    assert UNSCANNED.named(["x.law.test"]) == ["*.law.test"]
    assert UNSCANNED.named([]) == UnscannedTargets(()).named() == []
    many = UnscannedTargets([ScanException(hosts=tuple(f"{number}.test" for number in range(9)))])
    assert many.named() == [*(f"{number}.test" for number in range(MAX_NAMED)), "..."]
