"""`pdq-dhash`: a picture's dhash and its PDQ in one value. Composed where a list has such entries."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice, product

from edgeward.types import COMPONENTS_OF_COMPOSITE, COMPOSITE_TYPE, Signal, View

DHASH_VIEWS: Mapping[View, tuple[View, ...]] = {View.GEOMETRY: (View.STORED, View.SHOWN), View.SMALLER: (View.STORED,)}
"""Views that have PDQs only, each with the views whose dhashes go with them. All other views have their own dhashes."""
MAX_VALUES_PER_IMAGE = 1 << 13

type _FrameKey = tuple[str, View, int]
"""Type, view and frame."""


def component_types(signal_type: str) -> tuple[str, ...]:
    """The types that an image must have to match entries of `signal_type`."""
    return COMPONENTS_OF_COMPOSITE if signal_type == COMPOSITE_TYPE else (signal_type,)


def is_matchable(signal_type: str, types: Collection[str]) -> bool:
    """Whether images that get signals of `types` can match entries of `signal_type`."""
    return all(part in types for part in component_types(signal_type))


def with_composites(signals: Iterable[Signal]) -> list[Signal]:
    """The distinct `pdq-dhash` values of an image, at most MAX_VALUES_PER_IMAGE.

    View, frame and quality are the PDQ's. DIHEDRAL PDQs have none, since a turned picture has another dhash.
    """
    by_frame: defaultdict[_FrameKey, list[Signal]] = defaultdict(list)
    for signal in signals:
        if signal.type in COMPONENTS_OF_COMPOSITE:
            by_frame[signal.type, signal.view, signal.frame].append(signal)
    pairs = (pair for key, pdqs in list(by_frame.items()) if key[0] == "pdq" for pair in _pairs(pdqs, key, by_frame))
    made = (Signal(COMPOSITE_TYPE, dhash.value + pdq.value, pdq.quality, pdq.view, pdq.frame) for pdq, dhash in pairs)
    return list(dict.fromkeys(islice(made, MAX_VALUES_PER_IMAGE)))


def _pairs(
    pdqs: list[Signal], key: _FrameKey, by_frame: defaultdict[_FrameKey, list[Signal]]
) -> Iterator[tuple[Signal, Signal]]:
    """Each PDQ of one view of a frame with the dhashes of its picture.

    A view can hold several pictures (two inner boxes). If there are as many dhashes, both are in the pictures' order.
    Otherwise a dhash was dropped as a duplicate, so it is unknown which belongs to which, and all pairs are made.
    """
    _, view, frame = key
    dhashes = [dhash for source in DHASH_VIEWS.get(view, (view,)) for dhash in by_frame["dhash", source, frame]]
    if view not in DHASH_VIEWS and len(pdqs) == len(dhashes):
        return zip(pdqs, dhashes, strict=True)
    return product(pdqs, dhashes)
