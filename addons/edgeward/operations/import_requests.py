"""What an import asks for, and the profile of a list: how its files were read the last time, for the next one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from edgeward.errors import InvalidValue
from edgeward.imports.row_masks import NO_MASKS, RowMasks
from edgeward.lists.formats import ReadOptions
from edgeward.lists.formats.table import FORMATS
from edgeward.quantities import excerpt

SOURCE_NAME = r"^[A-Za-z0-9_.-]{1,64}$"
"""Names of what ships lists."""
DEFAULT_SOURCE = "sync"
"""The source of a whole list that is sent without the name of one."""
LARGE_REMOVAL_SHARE = 0.3
"""Share of a source's entries of which more are not withdrawn at once unless somebody says so."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """A file of hashes to list.

    Attributes:
        file: seekable, at its beginning.
        format: its name, or "" to recognise it.
        options: what its reader must be told.
        signal_type: of rows that do not say it.
        quality: of hashes that can have one, and whose rows do not say it.
        reason: for the audit trail, and of entries whose rows do not say it.
        skip_bad: leave out bad rows; without it, nothing is listed if there is one.
        dry_run: only say what is in the file, and what it would do.
        purge_again: match and purge again what is on the list already.
        save_profile: keep how the file is read with the list.
        source: name of what ships the file; "" for none. What it has listed already is not listed again.
        sync: the file is the source's whole list: what it had listed and the file lacks is withdrawn.
        max_removal_share: share of its entries of which more are not withdrawn unless `allow_large_removal`.
        job_id: of the import; "" for a new one.
        masks: rows of batches that are listed again or taken off besides.
    """

    list: str
    file: BinaryIO
    format: str = ""
    options: ReadOptions = field(default_factory=ReadOptions)
    signal_type: str | None = None
    quality: int | None = None
    reason: str = ""
    skip_bad: bool = False
    dry_run: bool = False
    purge_again: bool = False
    save_profile: bool = False
    source: str = ""
    sync: bool = False
    max_removal_share: float = LARGE_REMOVAL_SHARE
    allow_large_removal: bool = False
    job_id: str = ""
    masks: RowMasks = NO_MASKS

    @property
    def profile(self) -> dict[str, Any]:
        """How the file is read, as JSON. Empty if nothing is said of it."""
        given = {
            "format": self.format,
            "map": dict(self.options.columns),
            "separator": self.options.delimiter,
            "header": self.options.has_header,
            "categories": sorted(self.options.categories),
            "type": self.signal_type,
            "quality": self.quality,
        }
        return {name: value for name, value in given.items() if value not in ("", None, {}, [])}

    def with_profile(self, profile: Mapping[str, Any]) -> "ImportRequest":
        """The request with what a list's profile says of its files. What a later release wrote is passed over."""
        options = ReadOptions(
            columns={str(name): str(column) for name, column in profile.get("map", {}).items()},
            delimiter=profile.get("separator", ""),
            has_header=profile.get("header"),
            categories=frozenset(map(str, profile.get("categories", ()))),
        )
        return replace(
            self,
            format=profile.get("format", ""),
            options=options,
            signal_type=profile.get("type"),
            quality=profile.get("quality"),
        )


SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
"""Names of separators of a CSV that are hard to type."""


def check_format(name: str) -> str:
    """The name of a format. Raises InvalidValue if there is none of that name."""
    if name not in FORMATS:
        raise InvalidValue(f"unknown format {excerpt(name)!r}; known: {', '.join(FORMATS)}", "format")
    return name


def check_columns(text: str) -> str:
    """A map of columns as `columns_of` reads it. Raises InvalidValue."""
    columns_of(text)
    return text


def columns_of(text: str) -> dict[str, str]:
    """The map of "md5=COLUMN,sha1=COLUMN": by what is in a column, its name, or colN.

    Raises:
        InvalidValue: a part has no "=", or two are of the same.
    """
    columns: dict[str, str] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        field_name, equals, column = (each.strip() for each in part.partition("="))
        if not equals or not field_name or not column:
            raise InvalidValue(f"{excerpt(part)!r} is not FIELD=COLUMN, such as md5=col3", "map")
        if field_name.lower() in columns:
            raise InvalidValue(f"{excerpt(field_name)!r} is there twice", "map")
        columns[field_name.lower()] = column
    return columns


def check_separator(text: str) -> str:
    """The separator of a CSV: one character, or a name of SEPARATORS; "" to find it out. Raises InvalidValue."""
    separator = SEPARATORS.get(text, text)
    if len(separator) > 1 or separator in ('"', "\n", "\r"):
        raise InvalidValue(f"{excerpt(text)!r} is not one character, nor one of {', '.join(SEPARATORS)}", "separator")
    return separator


def read_options(columns: str, separator: str, header: bool | None, categories: str) -> ReadOptions:
    """What a reader must be told, from the texts of a query. `categories` has commas between them."""
    return ReadOptions(
        columns=columns_of(columns),
        delimiter=check_separator(separator),
        has_header=header,
        categories=frozenset(filter(None, map(str.strip, categories.split(",")))),
    )
