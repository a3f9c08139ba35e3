"""`hash`: computes the hashes of image files on this machine; sends nothing."""

import argparse
import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgeward.cli import image_sources
from edgeward.cli.image_results import print_each
from edgeward.cli.options import Subparsers, add_command, checked_config
from edgeward.cli.output import printable
from edgeward.errors import BadImage, EdgewardError
from edgeward.hashing.composite import with_composites
from edgeward.hashing.signal_registry import has_distance
from edgeward.types import Fingerprint, Signal, View

if TYPE_CHECKING:
    from edgeward.settings.config import HashingSettings


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "hash",
        "print the hashes of image files",
        _hash,
        "Print the hashes of image files as TYPE:HEX lines, computed in an isolated process on this machine. "
        "`edgeward import` reads them. "
        "Nothing is sent anywhere, and no other part of Edgeward needs to run.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="an image")


def _hash(args: argparse.Namespace) -> int:
    settings = checked_config(args).hashing
    found = asyncio.run(_fingerprints(args.files, settings))
    return print_each(args.json, "file", found, _as_json, _print, lambda fingerprint: fingerprint.flaw is not None)


async def _fingerprints(names: list[str], settings: "HashingSettings") -> list[tuple[str, Fingerprint | EdgewardError]]:
    """The fingerprint of each file, in order, including composite signals, or why there is none.

    At most `hashing.processes` files are in memory at a time.
    """
    from edgeward.hashing.hash_request import HashRequest
    from edgeward.hashing.hashers.pool import HasherPool
    from edgeward.hashing.media_types import NOT_AN_IMAGE

    pool = HasherPool(settings)
    slots = asyncio.Semaphore(settings.processes)

    async def hash_one(name: str) -> tuple[str, Fingerprint | EdgewardError]:
        async with slots:
            try:
                body = image_sources.read_file(name, settings.max_bytes)
            except EdgewardError as error:
                return name, error
            found = await pool.fingerprint(body, HashRequest(exact=True))
            if not found.media_type:
                return name, BadImage(f"{name}: {NOT_AN_IMAGE}")
            return name, replace(found, signals=(*found.signals, *with_composites(found.signals)))

    await pool.start()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(hash_one(name)) for name in names]
    finally:
        await pool.close()
    return [task.result() for task in tasks]


def _print(file: str, fingerprint: Fingerprint) -> None:
    size = f", {fingerprint.width} x {fingerprint.height} pixels" if fingerprint.width else ""
    print(f"# {printable(file)}: {fingerprint.media_type}{size}")
    if fingerprint.flaw:
        print(f"# flaw: {fingerprint.flaw} ({_available_hashes(fingerprint)})")
    stored = {signal.type for signal in fingerprint.signals if signal.view is View.STORED}
    for signal in fingerprint.signals:
        print(f"{_comment(signal, stored)}{signal.type}:{signal.value}{_details(signal)}")


def _comment(signal: Signal, stored: Collection[str]) -> str:
    """A hash of another view than the image as it is stored could be that of an unrelated picture: `edgeward import`
    must not list it. `stored`: the types with a hash of the stored image; an installed type may have none."""
    shown_only = signal.view is View.SHOWN and signal.type not in stored
    return "" if signal.view is View.STORED or shown_only else "# "


def _available_hashes(fingerprint: Fingerprint) -> str:
    """Which hashes a flawed image has: with too many frames it has those of the first ones."""
    if any(has_distance(signal.type) for signal in fingerprint.signals):
        return "perceptual hashes of a part only"
    return "no perceptual hashes"


def _details(signal: Signal) -> str:
    """The quality, and the view and frame unless the hash is of the image as it is stored."""
    quality = "" if signal.quality is None else f"  quality {signal.quality}"
    view = "" if signal.view is View.STORED else f"  {signal.view}"
    frame = f"  frame {signal.frame}" if signal.frame else ""
    return quality + view + frame


def _as_json(fingerprint: Fingerprint) -> dict[str, Any]:
    return {
        "sha256": fingerprint.sha256,
        "media_type": fingerprint.media_type,
        "width": fingerprint.width,
        "height": fingerprint.height,
        "flaw": fingerprint.flaw,
        "signals": [signal.to_dict() for signal in fingerprint.signals],
    }
