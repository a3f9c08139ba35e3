"""Recent changes against a dictionary."""

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.matching.segments.examples import as_pairs, as_values, brute_force, changes

from edgeward.matching.segments.recent_changes import RecentChanges
from edgeward.matching.segments.segment_rows import HAMMING

VALUES = [bytes([number]) * 8 for number in range(6)]


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=5), max_size=8))
def test_the_last_change_of_a_value_counts(parts: list[list[tuple[int, bool]]]) -> None:
    """However often it is added and removed, also within one version; searches agree, and so do copies of the changes
    since any version."""
    recent, wanted, known = RecentChanges(8), dict[bytes, int](), set[bytes]()
    states = [dict(wanted)]
    for version, part in enumerate(parts, 1):
        for number, (value, removed) in enumerate(part):
            wanted.pop(VALUES[value], None)
            known.add(VALUES[value])
            if not removed:
                wanted[VALUES[value]] = 10 * version + number
        refs = [10 * version + number for number in range(len(part))]
        recent.append(version, changes([VALUES[value] for value, _ in part], refs, [removed for _, removed in part]))
        states.append(dict(wanted))
    assert (len(recent), recent.added) == (len(known), len(wanted))
    rows = recent.added_rows()
    assert dict(zip([value.tobytes() for value in rows.values], rows.refs.tolist(), strict=True)) == wanted
    numbers, refs_found = recent.equal(as_values(VALUES))
    assert dict(zip([VALUES[n] for n in numbers], refs_found.tolist(), strict=True)) == wanted
    assert as_pairs(recent.near(as_values(VALUES), 12, HAMMING)) == brute_force(wanted, VALUES, 12)
    for since in range(len(parts) + 1):
        later = dict(states[since])
        for _, some in repeated(recent, since):
            for value, ref, removed in zip(some.values, some.refs, some.removed, strict=True):
                later.pop(value.tobytes(), None)
                if not removed:
                    later[value.tobytes()] = int(ref)
        assert later == wanted


def repeated(recent: RecentChanges, version: int):  # type: ignore[no-untyped-def]
    """The changes since a version, three rows at a time."""
    done = 0
    while done < recent.rows:
        some, done = recent.since(version, done, 3)
        yield from some


def test_a_value_replaced_during_a_search_is_found() -> None:
    """With its old reference or its new one."""
    chance = random.Random(1)
    values = [chance.randbytes(32) for _ in range(3)]
    recent = RecentChanges(32)
    recent.append(1, changes(values, [1, 2, 3], [False] * 3))
    search = recent.near(as_values(values), 0, HAMMING)
    found = as_pairs([next(search)])
    recent.append(2, changes(values[:1], [9], [False]))
    assert {ref for _, ref, _ in found | as_pairs(search)} >= {2, 3, 9}


def test_grows() -> None:
    """Beyond its first capacity, with all it had."""
    recent = RecentChanges(16)
    values = [number.to_bytes(16) for number in range(1000)]
    for start in range(0, 1000, 7):
        some = values[start : start + 7]
        recent.append(start, changes(some, list(range(start, start + len(some))), [False] * len(some)))
    numbers, refs = recent.equal(as_values(values))
    assert numbers.tolist() == refs.tolist() == list(range(1000))
    assert recent.equal(np.zeros((0, 16), np.uint8))[0].tolist() == []
