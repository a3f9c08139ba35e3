"""The policy of a list in bodies of requests."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from edgeward.api.requests import JsonBody, Text
from edgeward.operations import list_limits, lists
from edgeward.operations.list_limits import NEVER
from edgeward.operations.lists import ListChanges
from edgeward.types import Action, HashList, ListKind, Mode
from edgeward.types.signals import ALL_TARGETS

type Radius = Annotated[dict[str, int | None], AfterValidator(lists.check_radius)]
type Hosts = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(list_limits.check_hosts)]
type Paths = Annotated[tuple[str, ...], Field(strict=False), AfterValidator(list_limits.check_paths)]
type Share = Annotated[float, AfterValidator(list_limits.check_share)]
type End = Annotated[float, AfterValidator(list_limits.check_expires_at)]
type Quality = Annotated[int, Field(ge=0, le=100)]


class ListBody(JsonBody):
    """A new list. `share` is in per cent, `expires_at` in Unix seconds."""

    name: Annotated[str, AfterValidator(lists.check_name)]
    kind: ListKind = ListKind.BLOCK
    mode: Mode = Mode.ENFORCE
    action: Action = Action.UNAVAILABLE_FOR_LEGAL_REASONS
    radius: Radius = Field(default_factory=dict)
    description: Text = ""
    rotations: bool = False
    geometry: bool = False
    protect: bool = False
    hosts: Hosts = ()
    paths: Paths = ()
    share: Share = ALL_TARGETS
    expires_at: End = NEVER
    min_quality: Quality = 0
    why: Text = ""

    def new_list(self) -> HashList:
        values = self.model_dump(exclude={"why", "radius"})
        return HashList(**values, radius=lists.without_defaults(self.radius))


class ListPatchBody(JsonBody):
    """Keys that are left out keep their value. In `radius`, null restores a type's default."""

    mode: Mode | None = None
    action: Action | None = None
    radius: Radius | None = None
    description: Text | None = None
    rotations: bool | None = None
    geometry: bool | None = None
    protect: bool | None = None
    hosts: Hosts | None = None
    paths: Paths | None = None
    share: Share | None = None
    expires_at: End | None = None
    min_quality: Quality | None = None
    why: Text = ""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.model_fields_set - {"why"}:
            *names, last = (name for name in type(self).model_fields if name != "why")
            raise ValueError(f"nothing to change: give {', '.join(names)} or {last}")
        return self

    def changes(self) -> ListChanges:
        return ListChanges(**self.model_dump(exclude={"why"}))
