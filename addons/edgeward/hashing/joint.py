"""`pdq-dhash`: a picture's dhash and its PDQ in one value. No hasher makes it: it is composed where a list wants it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice, product

from edgeward.types import JOINT, JOINT_OF, Signal, View

LENDERS: Mapping[View, tuple[View, ...]] = {View.SEARCHED: (View.STORED, View.SHOWN), View.SMALLER: (View.STORED,)}
"""Views with PDQs alone, and those that their pictures have the dhashes of. All others have their own."""
MOST = 1 << 13
"""Values composed of one image."""

type _Place = tuple[str, View, int]
"""Type, view and frame."""


def parts(signal_type: str) -> tuple[str, ...]:
    """The types that an image must be given for it to match entries of this one."""
    return JOINT_OF if signal_type == JOINT else (signal_type,)


def is_matchable(signal_type: str, types: Collection[str]) -> bool:
    """Whether images that are given signals of `types` can match entries of this type."""
    return all(part in types for part in parts(signal_type))


def joined(signals: Iterable[Signal]) -> list[Signal]:
    """Each PDQ with the dhash of the same picture, as far as there is one; each once, at most MOST.

    View, frame and quality are the PDQ's. What is mirrored or turned has none: its dhash would be another.
    """
    places: defaultdict[_Place, list[Signal]] = defaultdict(list)
    for signal in signals:
        if signal.type in JOINT_OF:
            places[signal.type, signal.view, signal.frame].append(signal)
    pairs = (pair for place, pdqs in list(places.items()) if place[0] == "pdq" for pair in _pairs(pdqs, place, places))
    made = (Signal(JOINT, dhash.value + pdq.value, pdq.quality, pdq.view, pdq.frame) for pdq, dhash in pairs)
    return list(dict.fromkeys(islice(made, MOST)))


def _pairs(
    pdqs: list[Signal], place: _Place, places: defaultdict[_Place, list[Signal]]
) -> Iterator[tuple[Signal, Signal]]:
    """Of one view of a frame, which may hold several pictures. They come in order, but equal dhashes only once."""
    _, view, frame = place
    dhashes = [dhash for lender in LENDERS.get(view, (view,)) for dhash in places["dhash", lender, frame]]
    if view not in LENDERS and len(pdqs) == len(dhashes):
        return zip(pdqs, dhashes, strict=True)
    return product(pdqs, dhashes)
