"""Files of hashes, as programmes ship them. One module a format; `hash_files` reads them all.

table             all formats; how one is recognised
text csv jsonl    plain text, CSV with any columns (csv_columns), JSON lines
checksums         output of the md5sum family;  hashdeep: of hashdeep;  pdq_tools: of the PDQ tools in C++
clamav            signatures of ClamAV
hash_files        opens a file (compression, encodings), and reads rows of any format into signals
lines             lines of text in bounded memory;  piece_stream: streams made of decoded pieces
type_names        names of signal types as others write them
unknown_files     what a file looks like that has none of the formats

A format gives rows as it reads, so that a file of any size takes little memory. What is wrong with one row is a BadRow,
and reading goes on; what makes the rest unreadable (a document that breaks off) is a UserError, and nothing is
imported.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

HEAD_BYTES = 64 * 1024
"""As much of a file's beginning tells its format."""


class HashRow(NamedTuple):
    """What a file says of one hash. Nothing is checked yet.

    Attributes:
        number: of its line, or of its record where a format has no lines; from 1.
        value: the hash: hexadecimal or base64.
        type: "" if the row does not say it.
        quality: 0..100, for PDQ; None if the row does not say it.
        reason: why it is listed; "" if the row does not say it.
        source_id: the id that the programme gave what the hash is of; "" for none.
        tags: the programme's labels: categories, classifications.
        withdrawn: the programme takes the hash back: it is removed from the list.
    """

    number: int
    value: object
    type: object = ""
    quality: object = None
    reason: object = ""
    source_id: str = ""
    tags: tuple[str, ...] = ()
    withdrawn: bool = False


class BadRow(NamedTuple):
    """The number of a row that can't be listed, and what is wrong with it. Never holds the whole line."""

    number: int
    why: str


class LeftOut(NamedTuple):
    """A hash, or a record, that is meant for something else than images: no error, but counted and shown.

    `what` is one of few kinds, such as "md5 of a video": rows of one kind are counted together.
    """

    number: int
    what: str


class WithdrawnSource(NamedTuple):
    """The programme takes back all that it gave this id, and names no hash: each entry with it is removed."""

    number: int
    source_id: str


type Row = HashRow | BadRow | LeftOut | WithdrawnSource


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a reader must be told.

    Attributes:
        columns: of a CSV: by signal type, or by one of "type", "value", "quality", "reason", "source_id", "tags",
            "withdrawn", the name of the column, or "colN" for its number from 1.
        delimiter: of a CSV; "" to find it out.
        has_header: of a CSV; None to find it out.
        categories: of a VICS file: those whose media are listed.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    delimiter: str = ""
    has_header: bool | None = None
    categories: frozenset[str] = frozenset()


class FileFormat(NamedTuple):
    """A format of files.

    Attributes:
        name: as --format names it.
        title: as messages name it: "this looks like TITLE".
        unit: what a row's number counts: "line" or "record".
        looks_like: whether a file that begins with these bytes (at most HEAD_BYTES, without a byte order mark) has it.
        rows: reads an opened file (hash_files.open_file). Raises UserError if it can't be read on.
        describe: which parts of a file that begins with these bytes are read, for people; None if there is nothing to
            say. Raises UserError like `rows`.
    """

    name: str
    title: str
    unit: str
    looks_like: Callable[[bytes], bool]
    rows: Callable[[BinaryIO, ReadOptions], Iterator[Row]]
    describe: Callable[[bytes, ReadOptions], str] | None = None
