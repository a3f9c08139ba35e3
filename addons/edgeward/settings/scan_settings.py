"""The settings of where nothing is scanned."""

from typing import Annotated

from pydantic import AfterValidator, Field

from edgeward.settings.setting_types import Section
from edgeward.types.url_patterns import host_pattern, path_pattern


class ScanException(Section):
    """URLs at which no response is scanned. The law of some countries asks for that."""

    hosts: Annotated[tuple[Annotated[str, AfterValidator(host_pattern)], ...], Field(strict=False, min_length=1)]
    """The hosts, without a port: each is meant at every port. "*.example.org" stands for all below example.org."""
    paths: Annotated[tuple[Annotated[str, AfterValidator(path_pattern)], ...], Field(strict=False)] = ()
    """The beginnings of the paths there, such as "/private/". Not set: the whole of these hosts."""
