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
from edgeward.hashing.request import HashRequest
from edgeward.matching.matcher import Matcher
from edgeward.types import ALWAYS, Entry, HashList, Signal

SIZES = ((800, 800), (4000, 3000))
ENTRIES = 100_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one setting. Seconds of CPU time, medians: `hashing` for each of SIZES, `lookup` in ENTRIES values of PDQ.

    `values` is how many PDQs the image of 800 x 800 has."""

    setting: str
    hashing: tuple[float, ...]
    values: int
    lookup: float


def costs(seconds: float) -> list[Cost]:
    """Measured for so long a row, all settings in turn."""
    hashing = [_hashing(photograph(*size), seconds) for size in SIZES]
    lookups = [_lookup(hash_list, seconds) for hash_list in LISTS.values()]
    return [
        Cost(name, tuple(of_size[number] for of_size in hashing), _values(hash_list), lookups[number])
        for number, (name, hash_list) in enumerate(LISTS.items())
    ]


def _request(hash_list: HashList) -> HashRequest:
    return HashRequest(views=hash_list.views - ALWAYS)


def _hashing(body: bytes, seconds: float) -> Sequence[float]:
    """One median for each setting."""
    work = [partial(fingerprint, body, SETTINGS, _request(hash_list)) for hash_list in LISTS.values()]
    return [statistics.median(taken) for taken in interleaved([cpu_seconds(each) for each in work], seconds)]


def _values(hash_list: HashList) -> int:
    made = fingerprint(photograph(*SIZES[0]), SETTINGS, _request(hash_list))
    return len({signal.value for signal in made.signals if signal.type == "pdq"})


def _lookup(hash_list: HashList, seconds: float) -> float:
    values, matcher = random.Random(ENTRIES), Matcher()
    matcher.set_list(hash_list)
    for _ in range(ENTRIES):
        matcher.add_entry(Entry(hash_list.name, Signal("pdq", f"{values.getrandbits(256):064x}", 100)))
    made = fingerprint(photograph(*SIZES[0]), SETTINGS, _request(hash_list))
    [taken] = interleaved([cpu_seconds(partial(matcher.matches, made))], seconds)
    return statistics.median(taken)
