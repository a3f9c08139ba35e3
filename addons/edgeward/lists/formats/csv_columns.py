"""Which column of a CSV holds what: as it was given, by the names in the header, or by what is in the first rows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from edgeward.errors import UserError
from edgeward.hashing.signal_registry import listable_types
from edgeward.hashing.signals import types_of_length
from edgeward.lists.formats import ReadOptions
from edgeward.lists.formats.type_names import normalized, signal_type_named
from edgeward.quantities import excerpt, listed

NAMES: Mapping[str, tuple[str, ...]] = {
    "value": ("value", "hash", "hashvalue", "hashdigest", "digest", "indicator", "signal", "fingerprint"),
    "type": ("type", "hashtype", "signaltype", "algorithm", "hashalgorithm", "algo", "indicatortype"),
    "quality": ("quality", "pdqquality", "hashquality"),
    "reason": ("reason",),
    "source_id": ("sourceid", "id", "entryid", "recordid", "mediaid", "imageid", "guid", "uuid"),
    "tags": ("tags", "tag", "category", "categories", "classification", "label", "labels", "grade"),
    "withdrawn": ("withdrawn", "deleted", "isdeleted", "shoulddelete", "removed", "action", "status"),
}
"""What a column can hold besides hashes of one type, and the names in headers that say so."""
WITHDRAWN_WORDS = frozenset(
    {
        *("1", "true", "t", "yes", "y", "x", "d", "delete", "deleted", "remove", "removed", "withdraw", "withdrawn"),
        "revoked",
    }
)
ADDED_WORDS = frozenset(
    {
        *("", "0", "false", "f", "no", "n", "a", "u", "add", "added", "insert", "new", "update", "updated", "active"),
        "listed",
    }
)
"""What a column "withdrawn" may hold, in any case."""
MAX_COLUMNS = 500
COLUMNS_NAMED = 12
"""Columns that a message names."""
NAME_CHARACTERS = 40

_SUFFIXES = ("", "hash", "sum", "digest", "hex", "base64", "base32", "value")
_PREFIXES = ("hash", "file", "image")
_NUMBERED = re.compile(r"col(\d{1,6})", re.IGNORECASE)
_BASE64 = re.compile(r"(?=.*\d)[A-Za-z0-9+/]{26,}={0,2}")


class Columns(NamedTuple):
    """The columns of a CSV.

    Attributes:
        places: by signal type, or by a key of NAMES, the index of the column, from 0.
        names: those of the header; () if there is none.
        width: number of columns.
        more_tags: indexes of further columns of tags, by their names in the header.
    """

    places: Mapping[str, int]
    names: Sequence[str]
    width: int
    more_tags: tuple[int, ...] = ()

    def describe(self) -> str:
        """What is read from where, for people."""
        pairs = [*self.places.items(), *(("tags", at) for at in self.more_tags)]
        named = (f" ({excerpt(self.names[at], NAME_CHARACTERS)})" if self.names else "" for _, at in pairs)
        read = (f"{what} from column {at + 1}" for what, at in pairs)
        used = {at for _, at in pairs}
        over = [excerpt(name, NAME_CHARACTERS) for at, name in enumerate(self.names) if at not in used]
        text = f"columns read: {', '.join(map(''.join, zip(read, named, strict=True)))}"
        return f"{text}; passed over: {listed(over, COLUMNS_NAMED)}" if over else text


def columns_of(rows: Sequence[Sequence[str]], options: ReadOptions) -> Columns:
    """The columns of a CSV by its first rows, at least one.

    Raises:
        UserError: the columns that are asked for are not there, or it is not clear which ones hold hashes.
    """
    first = [cell.strip() for cell in rows[0]]
    if len(first) > MAX_COLUMNS:
        raise UserError(f"there are {len(first)} columns in the first row: at most {MAX_COLUMNS} can be read")
    has_header = not any(map(_is_hash, first)) if options.has_header is None else options.has_header
    names = first if has_header else []
    if options.columns:
        places = {_role(what): _place(column, names, len(first)) for what, column in options.columns.items()}
    else:
        places = _by_names(names) if has_header else _by_content(rows)
    if not places.keys() & {*listable_types(), "value"}:
        shown = f"the columns are: {_shown(names)}" if names else "there is no header"
        raise UserError(f"no column of hashes is found: {shown}; say which is which, such as --map md5=col3")
    more = [at for at, name in enumerate(names) if _what(name) == "tags" and at != places.get("tags")]
    return Columns(places, names, len(first), () if options.columns else tuple(more))


def is_withdrawn(text: str) -> bool | None:
    """Whether a cell of the column "withdrawn" says that the hash is taken back; None if the word is not known."""
    word = text.strip().lower()
    return True if word in WITHDRAWN_WORDS else False if word in ADDED_WORDS else None


def _role(what: str) -> str:
    if what in NAMES:
        return what
    if found := signal_type_named(what):
        return found
    known = ", ".join([*listable_types(), *NAMES])
    raise UserError(f"a column can't be {excerpt(what, NAME_CHARACTERS)!r}: it must be one of {known}")


def _place(column: str, names: Sequence[str], width: int) -> int:
    """The index of a column that is given by its name, or as colN."""
    places = [at for at, name in enumerate(names) if name == column.strip()]
    places = places or [at for at, name in enumerate(names) if name and normalized(name) == normalized(column)]
    if len(places) == 1:
        return places[0]
    shown = excerpt(column, NAME_CHARACTERS)
    if places:
        raise UserError(f"{len(places)} columns are named {shown!r}: give the number, such as col{places[0] + 1}")
    numbered = _NUMBERED.fullmatch(column.strip())
    if numbered and 1 <= int(numbered[1]) <= width:
        return int(numbered[1]) - 1
    if numbered:
        raise UserError(f"there is no column {shown}: the file has {width}")
    known = f"the columns are: {_shown(names)}" if names else "the file has no header: give numbers, such as col1"
    raise UserError(f"no column is named {shown!r}: {known}")


def _by_names(names: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for at, name in enumerate(names):
        if (what := _what(name)) is None:
            continue
        if what == "tags":
            found.setdefault(what, at)
            continue
        if what in found:
            raise UserError(
                f"columns {found[what] + 1} and {at + 1} are both {what} by their names: say which is which, "
                f"such as --map {what}=col{found[what] + 1}"
            )
        found[what] = at
    return found


def _what(name: str) -> str | None:
    """What a column of this name holds."""
    plain = normalized(name)
    for what, known in NAMES.items():
        if plain in known:
            return what
    stems = {plain, *(plain.removeprefix(prefix) for prefix in _PREFIXES)}
    cut = (stem.removesuffix(suffix) for stem in stems for suffix in _SUFFIXES)
    return next((found for stem in cut if stem and (found := signal_type_named(stem))), None)


def _by_content(rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """By the cells of each column, without a header: hashes of one length, or names of types."""
    found: dict[str, int] = {}
    hashes = [(at, kinds) for at, cells in _columns(rows) if (kinds := _common_types(cells))]
    types = [at for at, cells in _columns(rows) if all(signal_type_named(cell) for cell in cells)]
    if len(types) == 1 and len(hashes) == 1:
        return {"type": types[0], "value": hashes[0][0]}
    if len(types) == 1 and not hashes:
        mixed = [at for at, cells in _columns(rows) if all(map(_is_hash, cells))]
        return {"type": types[0], "value": mixed[0]} if len(mixed) == 1 else {}
    for at, kinds in hashes:
        what = kinds[0] if len(kinds) == 1 else "value"
        if what in found:
            raise UserError(
                f"columns {found[what] + 1} and {at + 1} both hold hashes of one length: say which is which, such as "
                f"--map {kinds[0]}=col{at + 1}"
            )
        found[what] = at
    return found


def _columns(rows: Sequence[Sequence[str]]) -> Iterator[tuple[int, list[str]]]:
    """The columns that have cells, without the empty ones."""
    for at in range(len(rows[0])):
        if cells := [row[at].strip() for row in rows if at < len(row) and row[at].strip()]:
            yield at, cells


def _common_types(cells: Sequence[str]) -> list[str]:
    """The types that all these hexadecimal values may have, by their length."""
    return types_of_length(cells[0]) if len({tuple(types_of_length(cell)) for cell in cells}) == 1 else []


def _is_hash(cell: str) -> bool:
    return bool(types_of_length(cell) or _BASE64.fullmatch(cell.strip()))


def _shown(names: Sequence[str]) -> str:
    return listed((excerpt(name, NAME_CHARACTERS) for name in names), COLUMNS_NAMED)
