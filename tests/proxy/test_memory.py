"""Which target last served which image."""

import pytest
from mitmproxy.http import Headers

from edgeward.proxy import memory as module
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


def test_many_signals_leave_room_for_fewer_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The signals of all images together are bounded, whatever takes the place of what; a single one always fits."""
    monkeypatch.setattr(module, "SIGNALS_HELD", 100)
    memory = TargetMemory()

    def remember(path: str, signals: int) -> None:
        fingerprint = Fingerprint("ab" * 32, "image/jpeg", 1, (Signal("md5", "cd" * 16),) * signals)
        memory.remember(Target("http", "img.test", path), Memory(fingerprint, Validators()))

    def known() -> str:
        return "".join(path for path in "abcd" if memory.get(Target("http", "img.test", path)))

    for _ in range(5):
        remember("a", 40)
    remember("b", 60)
    assert known() == "ab"
    remember("c", 1)
    assert known() == "bc"
    memory.remember(Target("http", "img.test", "b"), Memory(None, Validators()))
    remember("d", 99)
    assert known() == "bcd"
    remember("a", 500)
    assert known() == "a"
