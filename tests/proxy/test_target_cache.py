"""Which target last served which image."""

import pytest
from mitmproxy.http import Headers
from tests.support.collected import tracked
from tests.support.eventually import until

from edgeward import metrics
from edgeward.proxy.target_cache import (
    UNKNOWN_VARIANT,
    CachedTarget,
    TargetCache,
    Validators,
    variant_of_response,
    vary_names,
    with_vary,
)
from edgeward.types import TRANSIENT_FLAWS, UNKNOWN_VARY, Fingerprint, Flaw, Signal, Target

BASE = Target("http", "img.test", "/a.jpg")


def test_variants_are_kept_apart() -> None:
    """What was served to one Accept does not stand for what another would get."""
    cache = TargetCache()
    webp = with_vary(BASE, ("accept",), Headers(accept="image/webp"))
    cache.put(webp, CachedTarget(None, Validators('"1"')))
    assert cache.get(cache.variant(BASE, Headers(accept="image/webp"))) is not None
    assert cache.get(cache.variant(BASE, Headers(accept="image/jpeg"))) is None
    assert cache.get(cache.variant(BASE, Headers())) is None


def test_a_resource_that_stops_varying_is_found_again() -> None:
    """The Vary of the latest response counts."""
    cache = TargetCache()
    cache.put(with_vary(BASE, ("accept",), Headers(accept="a")), CachedTarget(None, Validators()))
    cache.put(BASE, CachedTarget(None, Validators()))
    assert cache.variant(BASE, Headers(accept="b")) == BASE


@pytest.mark.parametrize("flaw", [None, *Flaw])
def test_flaws_of_the_moment_are_not_remembered(flaw: Flaw | None) -> None:
    """An image whose hashing timed out, crashed or was not begun is hashed again: it stands for no other response."""
    cache = TargetCache()
    cache.put(BASE, CachedTarget(Fingerprint("0" * 64, "image/png", 1, (), flaw=flaw), Validators('"1"')))
    assert (cache.get(BASE) is None) == (flaw in TRANSIENT_FLAWS)


def test_it_forgets_the_oldest() -> None:
    """Its size is bounded."""
    cache = TargetCache(size=2)
    targets = [Target("http", "img.test", f"/{number}") for number in range(3)]
    for target in targets:
        cache.put(target, CachedTarget(None, Validators()))
    assert [cache.get(target) is not None for target in targets] == [False, True, True]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Validators('"1"'), Validators('"1"'), True),
        (Validators('W/"1"'), Validators('"1"'), True),
        (Validators('"1"'), Validators('"2"'), False),
        (Validators('"1"', "x"), Validators('"2"', "x"), False),
        (Validators(None, "x"), Validators(None, "x"), True),
        (Validators(None, "x"), Validators('"1"', "x"), True),
        (Validators(), Validators(), False),
        (Validators('"1"'), Validators(), False),
    ],
)
def test_validators_tell_representations_apart(one: Validators, other: Validators, same: bool) -> None:
    """The ETag decides if both have one, otherwise Last-Modified; without either they differ."""
    assert one.match(other) is same


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (None, ()),
        ("", ()),
        ("*", ()),
        ("Accept", ("accept",)),
        ("b, A ,", ("b", "a")),
        ("Accept, accept", ("accept", "accept")),
        ("Accept, *", ("accept",)),
        ("a b;q=1,\t/", ("a b;q=1", "/")),
        ("X-\udce9", ("x-\xe9",)),
        (", ".join(f"x{number}" for number in range(64)), tuple(f"x{number}" for number in range(64))),
        (", ".join(f"x{number}" for number in range(65)), (UNKNOWN_VARY,)),
        ("x," * 100_000, (UNKNOWN_VARY,)),
    ],
)
def test_vary_names(header: str | None, names: tuple[str, ...]) -> None:
    """Names come lower-case, in the order and as often as Vary has them, up to a limit."""
    assert vary_names(header) == names


def test_a_variant_that_is_too_large_to_record_is_unknown() -> None:
    """It is counted, and stands for all variants of its target; a client can't name it."""
    target = Target("http", "img.test", "/")
    before = metrics.registry.get_sample_value("edgeward_vary_unknown_total") or 0
    large = variant_of_response(target, ("cookie",), Headers([(b"Cookie", b"c" * 20_000)]))
    assert large.vary == UNKNOWN_VARIANT
    assert variant_of_response(target, (UNKNOWN_VARY,), Headers([(b"*", b"x")])).vary == UNKNOWN_VARIANT
    assert variant_of_response(target, ("cookie",), Headers([(b"Cookie", b"c" * 9_000)])).vary[0][0] == "cookie"
    assert metrics.registry.get_sample_value("edgeward_vary_unknown_total") == before + 2
    cache = TargetCache()
    cache.put(large, CachedTarget(None, Validators()))
    assert cache.variant(target, Headers([(b"Cookie", b"c")])) == large


@pytest.mark.parametrize("raw", [b"plain", b"caf\xc3\xa9", b"caf\xe9", b"\xff\xfe"])
def test_varying_headers_keep_their_bytes(raw: bytes) -> None:
    """A target holds one character for each byte of the header, whether or not it was UTF-8."""
    headers = Headers([(b"Accept", raw)])
    (found,) = with_vary(Target("http", "img.test", "/"), ("accept",), headers).vary
    assert found[1].encode("latin-1") == raw


def image(number: int) -> Fingerprint:
    sha256 = f"{number:064x}"
    signals = (Signal("pdq", f"{number + signal:064x}", 100) for signal in range(10))
    return Fingerprint(sha256, "image/jpeg", number, tuple(signals), 8, 8)


def varying(number: int) -> Target:
    return Target("http", "img.test", f"/{number}.jpg", (("accept", "image/*"), ("x\udcff", "\xff")), number)


def test_what_was_packed_comes_back_equal() -> None:
    """Image, validators and age are as they were, and what a resource varies by, whatever bytes its headers had."""
    cache = TargetCache(max_unpacked_objects=0)
    given = [
        CachedTarget(image(0), Validators('"\udcff"', "Mon, 01 Jan 2024 00:00:00 GMT")),
        CachedTarget(None, Validators()),
        CachedTarget(image(2), Validators("")),
    ]
    for number, one in enumerate(given):
        cache.put(varying(number), one)
    for number, one in enumerate(given):
        found = cache.get(varying(number))
        assert found == one
        assert found is not one or number == 2
        base = Target("http", "img.test", f"/{number}.jpg")
        headers = Headers([(b"Accept", b"image/*"), (b"X\xff", b"\xff")])
        assert cache.variant(base, headers) == varying(number)


def test_the_size_of_a_target_tells_nothing_apart() -> None:
    """A target is the same whatever size its body has."""
    cache = TargetCache()
    cache.put(Target("http", "img.test", "/", (), 1), CachedTarget(None, Validators()))
    assert cache.get(Target("http", "img.test", "/", (), 2)) is not None


def test_the_collector_finds_little_in_it() -> None:
    """However many targets there are, the garbage collector visits only the unpacked ones."""
    cache = TargetCache()
    before = tracked()
    for number in range(5_000):
        cache.put(varying(number), CachedTarget(image(number), Validators(f'"{number}"')))
    assert cache.get(varying(0)) is not None
    until(lambda: tracked() - before < 16_000, "the collector finds little")
