"""Which target last served which image."""

import gc

import pytest
from mitmproxy.http import Headers

from edgeward.proxy import kept as module_of_kept
from edgeward.proxy.memory import Memory, TargetMemory, Validators, vary_names, with_vary
from edgeward.types import Fingerprint, Signal, Target

BASE = Target("http", "img.test", "/a.jpg")


def test_variants_are_kept_apart() -> None:
    """What one Accept was served is not taken for what another would be."""
    memory = TargetMemory()
    webp = with_vary(BASE, ("accept",), Headers(accept="image/webp"))
    memory.remember(webp, Memory(None, Validators('"1"')))
    assert memory.get(memory.variant(BASE, Headers(accept="image/webp"))) is not None
    assert memory.get(memory.variant(BASE, Headers(accept="image/jpeg"))) is None
    assert memory.get(memory.variant(BASE, Headers())) is None


def test_a_resource_that_stops_varying_is_found_again() -> None:
    """The newest response's Vary is the one that counts."""
    memory = TargetMemory()
    memory.remember(with_vary(BASE, ("accept",), Headers(accept="a")), Memory(None, Validators()))
    memory.remember(BASE, Memory(None, Validators()))
    assert memory.variant(BASE, Headers(accept="b")) == BASE


def test_it_forgets_the_oldest() -> None:
    """Its size is bounded."""
    memory = TargetMemory(size=2)
    targets = [Target("http", "img.test", f"/{number}") for number in range(3)]
    for target in targets:
        memory.remember(target, Memory(None, Validators()))
    assert [memory.get(target) is not None for target in targets] == [False, True, True]


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
    """An ETag decides where both have one, else Last-Modified; nothing proves nothing."""
    assert one.same(other) is same


@pytest.mark.parametrize(
    ("header", "names"),
    [(None, ()), ("", ()), ("*", ()), ("Accept", ("accept",)), ("b, A ,", ("a", "b")), ("Accept, accept", ("accept",))],
)
def test_vary_names(header: str | None, names: tuple[str, ...]) -> None:
    """Names come lower-case, sorted, once each."""
    assert vary_names(header) == names


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


def test_what_is_no_longer_at_hand_comes_back_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Image, validators and age are as they were, and what a resource varies by, whatever bytes its headers had."""
    monkeypatch.setattr(module_of_kept, "OBJECTS_AT_HAND", 0)
    memory = TargetMemory()
    given = [
        Memory(image(0), Validators('"\udcff"', "Mon, 01 Jan 2024 00:00:00 GMT")),
        Memory(None, Validators()),
        Memory(image(2), Validators("")),
    ]
    for number, one in enumerate(given):
        memory.remember(varying(number), one)
    for number, one in enumerate(given):
        found = memory.get(varying(number))
        assert found == one
        assert found is not one or number == 2
        base = Target("http", "img.test", f"/{number}.jpg")
        headers = Headers([(b"Accept", b"image/*"), (b"X\xff", b"\xff")])
        assert memory.variant(base, headers) == varying(number)


def test_the_size_of_a_target_tells_nothing_apart() -> None:
    """A target is the same whatever size its body has."""
    memory = TargetMemory()
    memory.remember(Target("http", "img.test", "/", (), 1), Memory(None, Validators()))
    assert memory.get(Target("http", "img.test", "/", (), 2)) is not None


def test_the_collector_finds_little_in_it() -> None:
    """However many targets a worker remembers, the garbage collector goes through those at hand alone."""
    memory = TargetMemory()
    gc.collect()
    before = len(gc.get_objects())
    for number in range(5_000):
        memory.remember(varying(number), Memory(image(number), Validators(f'"{number}"')))
    gc.collect()
    assert memory.get(varying(0)) is not None
    assert len(gc.get_objects()) - before < 16_000
