"""`export`: all entries of a list as a file."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command
from edgeward.cli.output import print_json
from edgeward.errors import Exit, UserError
from edgeward.quantities import counted

FORMATS = ("jsonl", "csv", "text")


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "export",
        "write all entries of a list to a file",
        _export,
        "Write all entries of a list to a file or to standard output, a list of any size. What `jsonl` writes, "
        "`edgeward import` reads with nothing lost. A file is replaced only once the list is whole in it.",
    )
    parser.add_argument("list", metavar="LIST", help="the list's name")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        default=FORMATS[0],
        help="jsonl (default): all of each entry; csv: the same, for spreadsheets; text: TYPE:HEX",
    )
    parser.add_argument("--type", metavar="TYPE", help="only entries of this signal type, such as pdq")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the file (default: standard output)")


def _export(args: argparse.Namespace) -> int:
    query = {"format": args.format, "type": args.type}
    with Client.find(args).download("lists", args.list, "export", query=query) as parts:
        if args.output is None:
            _write(sys.stdout.buffer, parts)
            return Exit.DONE
        with _replaced(args.output) as file:
            size = _write(file, parts)
    if args.json:
        print_json({"list": args.list, "format": args.format, "file": str(args.output), "bytes": size})
    else:
        print(f"wrote {args.list} to {args.output}: {counted(size, 'byte')}")
    return Exit.DONE


def _write(file: BinaryIO, parts: Iterator[bytes]) -> int:
    """Returns the number of bytes."""
    size = 0
    for part in parts:
        file.write(part)
        size += len(part)
    file.flush()
    return size


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` if all goes well, readable by its owner only: lists are confidential. A
    device or a FIFO is written to as it is.

    Raises:
        UserError: it can't be written.
    """
    place = path.resolve()
    aside = place.with_name(f".{place.name}.{os.getpid()}.part")
    try:
        if place.exists() and not place.is_file():
            with place.open("wb") as file:
                yield file
            return
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            os.fsync(file.fileno())
        aside.replace(place)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            aside.unlink()
