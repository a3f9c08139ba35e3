"""What each setting costs: CPU time of hashing a new image, values to look up, and the time of looking them up."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tests.bench.harness import cpu_seconds, interleaved
from tests.bench.pictures import photograph
from tests.detection.listing import LISTS, SETTINGS

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.joint import joined
from edgeward.hashing.registry import known
from edgeward.hashing.request import HashRequest
from edgeward.matching.matcher import Matcher
from edgeward.types import ALWAYS, JOINT, Entry, HashList, Signal

SIZES = ((800, 800), (4000, 3000))
ENTRIES = 100_000
LOOKED_UP = ("pdq", JOINT)
"""Signal types of which an image has one value or many, by the setting of the list."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """How many values of one type the image of 800 x 800 has, and the seconds of CPU time of looking them up, a median,
    in ENTRIES of random values."""

    values: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one setting. `hashing`: seconds of CPU time, a median for each of SIZES. `lookups`: for each of LOOKED_UP."""

    setting: str
    hashing: tuple[float, ...]
    lookups: tuple[Lookup, ...]


def costs(seconds: float) -> list[Cost]:
    """Measured for so long a row, all settings in turn."""
    hashing = [_hashing(photograph(*size), seconds) for size in SIZES]
    return [
        Cost(name, tuple(of_size[number] for of_size in hashing), _lookups(hash_list, seconds))
        for number, (name, hash_list) in enumerate(LISTS.items())
    ]


def _request(hash_list: HashList) -> HashRequest:
    return HashRequest(views=hash_list.views - ALWAYS)


def _hashing(body: bytes, seconds: float) -> Sequence[float]:
    """One median for each setting."""
    work = [partial(fingerprint, body, SETTINGS, _request(hash_list)) for hash_list in LISTS.values()]
    return [statistics.median(taken) for taken in interleaved([cpu_seconds(each) for each in work], seconds)]


def _lookups(hash_list: HashList, seconds: float) -> tuple[Lookup, ...]:
    made = fingerprint(photograph(*SIZES[0]), SETTINGS, _request(hash_list))
    signals = [*made.signals, *joined(made.signals)]
    matchers = [_matcher(hash_list, kind) for kind in LOOKED_UP]
    every = interleaved([cpu_seconds(partial(matcher.matches, made)) for matcher in matchers], seconds)
    return tuple(
        Lookup(len({signal.value for signal in signals if signal.type == kind}), statistics.median(taken))
        for kind, taken in zip(LOOKED_UP, every, strict=True)
    )


def _matcher(hash_list: HashList, kind: str) -> Matcher:
    """With entries of that type alone."""
    values, matcher, bits = random.Random(ENTRIES), Matcher(), known()[kind].bits
    matcher.set_list(hash_list)
    for _ in range(ENTRIES):
        matcher.add_entry(Entry(hash_list.name, Signal(kind, f"{values.getrandbits(bits):0{bits // 4}x}", 100)))
    return matcher
