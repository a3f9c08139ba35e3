"""The options of a list's limits, and how these are shown: hosts, paths, share, end, quality."""

import argparse
import re
from collections.abc import Mapping
from typing import Any

from edgeward.cli.options import integer
from edgeward.cli.output import iso_time
from edgeward.cli.times import future_time
from edgeward.errors import UserError

LIMITS = ("hosts", "paths", "share", "expires_at", "min_quality")
ALL_TARGETS = 100.0


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    """Add --hosts, --paths, --share, --expires and --min-quality."""
    parser.add_argument(
        "--hosts",
        metavar="HOST,...",
        help="act at these hosts alone; *.HOST stands for all below HOST; 'all' for every host",
    )
    parser.add_argument("--paths", metavar="PATH,...", help="act below these paths alone, such as /uploads/; or 'all'")
    parser.add_argument(
        "--share",
        type=_percentage,
        metavar="PERCENT",
        help="block at this percentage of the targets, and only record matches at the others",
    )
    parser.add_argument(
        "--expires",
        dest="expires_at",
        type=_end,
        metavar="TIME",
        help="turn the list off at this time: 30d or 12h from now, 2027-01-31, or 'never'",
    )
    parser.add_argument(
        "--min-quality",
        type=integer,
        metavar="N",
        help="PDQs of lower quality match nothing on it; 0: hashing.min_quality",
    )


def given_limits(args: argparse.Namespace) -> dict[str, Any]:
    """The limits that were given, as the API takes them. Raises UserError."""
    given = {name: value for name in LIMITS if (value := getattr(args, name)) is not None}
    return given | {name: _names(name, given[name]) for name in ("hosts", "paths") if name in given}


def in_words(hash_list: Mapping[str, Any]) -> str:
    """Where and when a list acts, if that is not everywhere and always; else ""."""
    found = [*hash_list.get("hosts", ()), *hash_list.get("paths", ())]
    share, end, quality = (hash_list.get(name) for name in LIMITS[2:])
    if share is not None and share < ALL_TARGETS:
        found.append(f"{share:g}%")
    if quality:
        found.append(f"quality>={quality}")
    if end:
        found.append(f"until {iso_time(end)}")
    return " ".join(found)


def _names(option: str, text: str) -> list[str]:
    names = [each.strip() for each in text.split(",") if each.strip()]
    if not names or ("all" in names and len(names) > 1):
        raise UserError(f"--{option}: {text!r} names nothing: give names with commas between them, or 'all'")
    return [] if names == ["all"] else names


def _percentage(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?%?", text.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage, such as 25 or 0.5")
    return float(text.strip().removesuffix("%"))


def _end(text: str) -> float:
    return 0.0 if text.strip() == "never" else future_time(text)
