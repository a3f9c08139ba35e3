"""`what-if`: what a list would match of all images seen, if its policy were another."""

import argparse
from argparse import BooleanOptionalAction
from typing import Any

from edgeward.cli.client import Client
from edgeward.cli.lists import add_radius
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import print_json, print_note, print_table
from edgeward.cli.wait_options import add_timeout
from edgeward.errors import Exit
from edgeward.quantities import counted

BAR_WIDTH = 40
"""Characters of the longest bar of the histogram."""


def add_parser(subparsers: Subparsers) -> None:
    command = add_command(
        subparsers,
        "what-if",
        "say what a list would match with another radius or quality",
        _what_if,
        "Say how many of the images seen a list matches, and how many it would match with another radius, with more "
        "views or from another quality on, by their distance. Nothing is changed. The list's mode, hosts, paths and "
        "share do not count, and neither do allowlists.",
    )
    command.add_argument("list", metavar="LIST", help="the list's name")
    add_radius(command)
    command.add_argument(
        "--rotations", action=BooleanOptionalAction, help="with mirrored images and those rotated by right angles"
    )
    command.add_argument(
        "--geometry", action=BooleanOptionalAction, help="with images that are cropped, turned or partly covered"
    )
    command.add_argument(
        "--min-quality", type=integer, metavar="N", help="without PDQs of lower quality, 0..100, listed or seen"
    )
    add_timeout(command, "end the search after this time (default: 30, at most 600)")


def _what_if(args: argparse.Namespace) -> int:
    radius = ",".join(f"{name}={'default' if bits is None else bits}" for name, bits in args.radius or ())
    query = {"radius": radius or None, "min_quality": args.min_quality, "timeout": args.timeout}
    for name in ("rotations", "geometry"):
        value = getattr(args, name)
        query[name] = None if value is None else str(value).lower()
    answer = Client.find(args).send("GET", ("lists", args.list, "what-if"), query, wait=args.timeout)
    if args.json:
        print_json(answer)
    else:
        _print(answer)
    if not answer["complete"]:
        searched, entries = answer["searched"], counted(answer["entries"], "entry", "entries")
        print_note(f"only {searched} of {entries} were searched for: the counts are too low (give a longer --timeout)")
        return Exit.FOUND
    return Exit.DONE


def _print(answer: dict[str, Any]) -> None:
    seen, now, then = (answer[name] for name in ("images", "matching", "would_match"))
    print(f"{counted(seen, 'image', 'images')} seen; {now} match {answer['list']} now, {then} would match")
    if rows := list(_rows(answer)):
        print()
        print_table(("type", "distance", "images", ""), rows)


def _rows(answer: dict[str, Any]) -> list[tuple[str, str, int, str]]:
    """Of the histogram: type, distance, images, and a bar. A distance beyond the radius of now is marked."""
    most = max((count for counts in answer["distances"].values() for count in counts.values()), default=1)
    rows = []
    for kind, counts in answer["distances"].items():
        now = answer["before"]["radius"].get(kind, 0)
        for distance, count in counts.items():
            mark = " new" if int(distance) > now else ""
            rows.append((kind, distance, count, "#" * max(1, round(BAR_WIDTH * count / most)) + mark))
    return rows
