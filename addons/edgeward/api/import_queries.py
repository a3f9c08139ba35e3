"""The query of a request that imports a file of hashes."""

from typing import Annotated

from pydantic import AfterValidator, Field

from edgeward.api import requests
from edgeward.operations import import_requests, imports


class ImportQuery(requests.WaitQuery):
    """A file of hashes. Without `format` it is recognised. `upload`: an id by which its progress can be asked for.
    `sync`: it is the whole list of `source`."""

    format: Annotated[str, AfterValidator(import_requests.check_format)] | None = None
    map: Annotated[str, Field(max_length=10_000), AfterValidator(import_requests.check_columns)] = ""
    separator: Annotated[str, AfterValidator(import_requests.check_separator)] = ""
    header: bool | None = None
    categories: Annotated[str, Field(max_length=10_000)] = ""
    type: Annotated[str, AfterValidator(imports.check_type)] | None = None
    quality: Annotated[int, Field(ge=0, le=100)] | None = None
    reason: requests.Text = ""
    skip_bad: bool = False
    dry_run: bool = False
    purge_again: bool = False
    save_profile: bool = False
    sync: bool = False
    source: Annotated[str, Field(pattern=import_requests.SOURCE_NAME)] = import_requests.DEFAULT_SOURCE
    allow_large_removal: bool = False
    upload: Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{0,64}$")] = ""
