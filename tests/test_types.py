"""The words of the field survive their way through JSON."""

from edgeward.types import DEFAULT_RADIUS, Entry, Fingerprint, Flaw, HashList, Kind, Mode, Signal, Target, entry_id

PDQ = Signal("pdq", "ab" * 32, 99)


def test_round_trips() -> None:
    """What was written is read back equal."""
    fingerprint = Fingerprint("00" * 32, "image/png", 7, (PDQ, Signal("md5", "11" * 16)), 3, 4, Flaw.TIMEOUT)
    entry = Entry("staff", PDQ, "why", "who", 1.5)
    hash_list = HashList("staff", Kind.ALLOW, Mode.MONITOR, radius={"pdq": 10}, description="x")
    target = Target("http", "a", "/\xe9?", (("accept", "b"),), 9)
    assert Fingerprint.from_json(fingerprint.to_json()) == fingerprint
    assert Entry.from_json(entry.to_json()) == entry
    assert HashList.from_json(hash_list.to_json()) == hash_list
    assert Target.from_json(target.to_json()) == target


def test_the_same_signal_on_a_list_is_one_entry() -> None:
    """The id depends on list, type and value alone."""
    assert Entry("a", PDQ, "x", "y", 1).id == Entry("a", Signal("pdq", PDQ.value)).id == entry_id("a", PDQ)
    assert entry_id("a", PDQ) != entry_id("b", PDQ)
    assert entry_id("a", PDQ) != entry_id("a", Signal("sha256", PDQ.value))


def test_radius_defaults_per_type() -> None:
    """A list overrides single types; digests match exactly."""
    hash_list = HashList("a", radius={"pdq": 10})
    assert (hash_list.radius_of("pdq"), hash_list.radius_of("phash")) == (10, DEFAULT_RADIUS["phash"])
    assert hash_list.radius_of("md5") == 0


def test_size_is_no_part_of_a_target() -> None:
    """The same target with another size is the same target."""
    assert Target("http", "a", "/", size=1) == Target("http", "a", "/", size=2)
    assert len({Target("http", "a", "/", size=1), Target("http", "a", "/", size=2)}) == 1
