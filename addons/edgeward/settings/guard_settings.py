"""The settings of the guard: what holds an update of the lists until a second person approves it."""

from typing import Annotated

from pydantic import Field

from edgeward.settings.setting_types import Section

type ProtectedPlace = Annotated[
    str, Field(pattern=r"^(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_.-]{1,253})(:[0-9]{1,5})?(/[^\s]{0,2000})?$")
]


class GuardSettings(Section):
    """Updates of the lists that would block too much are held until a second person approves them, and entries that
    match too many different images are set to monitor."""

    enabled: bool = True
    """Whether updates are held, and entries set to monitor."""
    share: float = Field(default=0.01, gt=0, le=1)
    """Share of the images seen in the last day. An update that would block more is held."""
    min_images: int = Field(default=20, ge=0, le=1_000_000)
    """Images that an update may block whatever their share is: of a few images a share says nothing."""
    targets: int = Field(default=10_000, ge=0, le=1_000_000_000)
    """An update that would purge more targets is held."""
    protected: Annotated[tuple[ProtectedPlace, ...], Field(strict=False)] = ()
    """Hosts, or hosts with the beginning of a path, such as "www.example.org/logo/". An update that would block an
    image there is held."""
    second_person: bool = True
    """Whether another token must approve an update than the one that asked for it."""
    entry_images: int = Field(default=12, ge=0, le=64)
    """Different images that one entry may match in a day. With one more it is set to monitor. 0: never."""
