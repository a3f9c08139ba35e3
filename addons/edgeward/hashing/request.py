"""What is asked of a hasher besides the body: how to read it, and which views of the picture to hash."""

import json
from dataclasses import dataclass
from typing import Self

from edgeward.types import View


@dataclass(frozen=True, slots=True)
class HashRequest:
    """`codings`, in the order they were applied, are undone first.

    `exact` decodes the full image, so that the values are those of `pdqhash.compute` and imagehash; without it a JPEG
    is drafted. `views` adds TURNED and SEARCHED to those that are always made. `declared` is the Content-Type, for
    texts that show images (SVG, and by setting HTML and CSS); what begins like an image is one whatever is declared.
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
