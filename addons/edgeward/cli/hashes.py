"""`hash`: the signals of picture files, made on this machine; nothing is sent anywhere."""

import argparse
import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from edgeward.cli import files
from edgeward.cli.options import Subparsers, add_command, checked_config
from edgeward.cli.output import print_json
from edgeward.errors import BadImage, EdgewardError, Exit
from edgeward.hashing.joint import joined
from edgeward.hashing.registry import is_measured
from edgeward.types import Fingerprint, Signal, View

if TYPE_CHECKING:
    from edgeward.config import HashingSettings


def add_parser(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers,
        "hash",
        "print the hashes of picture files",
        _hash,
        "Print the hashes of picture files as TYPE:HEX lines, made in an isolated process of this machine. "
        "Nothing is sent anywhere; no other part of Edgeward needs to run.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a picture")


def _hash(args: argparse.Namespace) -> int:
    settings = checked_config(args).hashing
    found = asyncio.run(_fingerprints(args.files, settings))
    if args.json:
        print_json([_as_json(file, fingerprint) for file, fingerprint in found])
    else:
        for file, fingerprint in found:
            _print(file, fingerprint)
    return Exit.FOUND if any(fingerprint.flaw for _, fingerprint in found) else Exit.DONE


async def _fingerprints(names: list[str], settings: "HashingSettings") -> list[tuple[str, Fingerprint]]:
    """The fingerprint of each file, in order, with what is composed of its signals.

    No more of them are in memory than there are hashers.
    """
    from edgeward.hashing.hashers.pool import HasherPool
    from edgeward.hashing.request import HashRequest

    pool = HasherPool(settings)
    slots = asyncio.Semaphore(settings.processes)

    async def one(name: str) -> tuple[str, Fingerprint]:
        async with slots:
            found = await pool.fingerprint(files.read_file(name, settings.max_bytes), HashRequest(exact=True))
            if not found.media_type:
                raise BadImage(f"{name}: no known image format")
            return name, replace(found, signals=(*found.signals, *joined(found.signals)))

    await pool.start()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(name)) for name in names]
    except* EdgewardError as errors:
        raise errors.exceptions[0] from None
    finally:
        await pool.close()
    return [task.result() for task in tasks]


def _print(file: str, fingerprint: Fingerprint) -> None:
    size = f", {fingerprint.width} x {fingerprint.height} pixels" if fingerprint.width else ""
    print(f"{file}: {fingerprint.media_type}{size}")
    if fingerprint.flaw:
        print(f"flaw: {fingerprint.flaw} ({_meaning(fingerprint)})")
    for signal in fingerprint.signals:
        print(f"{signal.type}:{signal.value}{_notes(signal)}")


def _meaning(fingerprint: Fingerprint) -> str:
    if any(is_measured(signal.type) for signal in fingerprint.signals):
        return "perceptual hashes of a part of it only"
    return "no perceptual hashes"


def _notes(signal: Signal) -> str:
    """The quality, and of what the hash is where it is not simply the picture's own."""
    quality = "" if signal.quality is None else f"  quality {signal.quality}"
    view = "" if signal.view is View.STORED else f"  {signal.view}"
    frame = f"  frame {signal.frame}" if signal.frame else ""
    return quality + view + frame


def _as_json(file: str, fingerprint: Fingerprint) -> dict[str, Any]:
    return {
        "file": file,
        "sha256": fingerprint.sha256,
        "media_type": fingerprint.media_type,
        "width": fingerprint.width,
        "height": fingerprint.height,
        "flaw": fingerprint.flaw,
        "signals": [signal.to_dict() for signal in fingerprint.signals],
    }
