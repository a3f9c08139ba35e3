"""What a hasher is told besides the body: how to read it, and which views of the picture to hash."""

import json
from dataclasses import dataclass
from typing import Self

from edgeward.types import View


@dataclass(frozen=True, slots=True)
class HashRequest:
    """How to hash one body.

    Attributes:
        codings: content-codings in the order they were applied. They are undone first.
        exact: decode JPEGs in full, so that values equal those of `pdqhash.compute` and imagehash. Otherwise JPEGs are
            decoded in Pillow's draft mode, scaled down, which is several times faster.
        views: views to hash beyond those that always are: DIHEDRAL, GEOMETRY, SMALLER.
        declared: the Content-Type. It tells HTML, CSS and XML from other text; raster images are recognised by their
            bytes, whatever is declared.
    """

    codings: tuple[str, ...] = ()
    exact: bool = False
    views: frozenset[View] = frozenset()
    declared: str = ""

    def to_json(self) -> str:
        views = sorted(self.views)
        return json.dumps({"codings": self.codings, "exact": self.exact, "views": views, "declared": self.declared})

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        data = json.loads(text)
        views = frozenset(View(view) for view in data["views"])
        return cls(tuple(data["codings"]), data["exact"], views, data["declared"])
