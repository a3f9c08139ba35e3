"""The cost of each setting: CPU time to hash a new image, and the number of its values and the time to look them up."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tests.bench.measurement import cpu_seconds, interleaved
from tests.bench.pictures import photograph
from tests.detection.list_options import LISTS, SETTINGS

from edgeward.hashing.composite import with_composites
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.signal_registry import listable_types
from edgeward.matching.matcher import Matcher
from edgeward.types import ALWAYS_MATCHED, COMPOSITE_TYPE, Entry, HashList, Signal

SIZES = ((800, 800), (4000, 3000))
ENTRIES = 100_000
LOOKED_UP = ("pdq", COMPOSITE_TYPE)
"""Signal types with one or many values of an image, depending on the setting of the list."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Number of values of one type of the image of 800 x 800, and the median CPU time in seconds to look them up in
    ENTRIES random entries."""

    values: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one setting. `hashing`: median CPU time in seconds, by SIZES. `lookups`: one for each of LOOKED_UP."""

    setting: str
    hashing: tuple[float, ...]
    lookups: tuple[Lookup, ...]


def costs(seconds: float) -> list[Cost]:
    """Measure all settings in turn, each for `seconds`."""
    hashing = [_hashing(photograph(*size), seconds) for size in SIZES]
    return [
        Cost(name, tuple(of_size[number] for of_size in hashing), _lookups(hash_list, seconds))
        for number, (name, hash_list) in enumerate(LISTS.items())
    ]


def _request(hash_list: HashList) -> HashRequest:
    return HashRequest(views=hash_list.views - ALWAYS_MATCHED)


def _hashing(body: bytes, seconds: float) -> Sequence[float]:
    """One median for each setting."""
    work = [partial(fingerprint, body, SETTINGS, _request(hash_list)) for hash_list in LISTS.values()]
    return [statistics.median(taken) for taken in interleaved([cpu_seconds(each) for each in work], seconds)]


def _lookups(hash_list: HashList, seconds: float) -> tuple[Lookup, ...]:
    made = fingerprint(photograph(*SIZES[0]), SETTINGS, _request(hash_list))
    signals = [*made.signals, *with_composites(made.signals)]
    matchers = [_matcher(hash_list, kind) for kind in LOOKED_UP]
    every = interleaved([cpu_seconds(partial(matcher.matches, made)) for matcher in matchers], seconds)
    return tuple(
        Lookup(len({signal.value for signal in signals if signal.type == kind}), statistics.median(taken))
        for kind, taken in zip(LOOKED_UP, every, strict=True)
    )


def _matcher(hash_list: HashList, kind: str) -> Matcher:
    """A matcher with entries of that type alone."""
    values, matcher, bits = random.Random(ENTRIES), Matcher(), listable_types()[kind].bits
    matcher.set_list(hash_list)
    for _ in range(ENTRIES):
        matcher.add_entry(Entry(hash_list.name, Signal(kind, f"{values.getrandbits(bits):0{bits // 4}x}", 100)))
    return matcher
