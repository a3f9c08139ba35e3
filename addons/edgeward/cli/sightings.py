"""`sightings`: which URL served which image, and when."""

import argparse

from edgeward.cli.client import Client
from edgeward.cli.options import Subparsers, add_command, integer
from edgeward.cli.output import iso_time, print_json, print_table
from edgeward.cli.url_arguments import url_argument
from edgeward.errors import Exit

COLUMNS = ("seen", "bytes", "sha256", "url")


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "sightings",
        "show which URLs served which images",
        _sightings,
        "Show which URLs served an image, or which images a URL served; without either, those of the "
        "images that were first seen last. "
        "New entries are matched against sightings to find copies that are cached already.",
    )
    parser.add_argument("--url", type=url_argument, metavar="URL", help="what this URL served, in any of its forms")
    parser.add_argument("--sha256", metavar="HEX", help="where the image with this SHA-256 was served")
    parser.add_argument(
        "--limit", type=integer, default=100, metavar="N", help="number of sightings, and of such images (default: 100)"
    )


def _sightings(args: argparse.Namespace) -> int:
    query = {"url": args.url, "sha256": args.sha256, "limit": args.limit}
    answer = Client.find(args).get("sightings", query=query)
    if args.json:
        print_json(answer)
    else:
        rows = [[iso_time(s["seen_at"]), s["size"], s["sha256"], s["url"]] for s in answer["sightings"]]
        print_table(COLUMNS, rows)
    return Exit.DONE
