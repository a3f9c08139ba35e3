"""`hash`: the signals of picture files, made on this machine; nothing is sent anywhere."""

import argparse
import asyncio
from typing import TYPE_CHECKING, Any

from edgeward.cli import files
from edgeward.cli.options import Subparsers, add_command, load_config
from edgeward.cli.output import print_json
from edgeward.errors import BadImage, EdgewardError, Exit
from edgeward.types import Fingerprint, Signal

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
    settings = load_config(args).hashing
    found = asyncio.run(_fingerprints(args.files, settings))
    if args.json:
        print_json([_as_json(file, fingerprint) for file, fingerprint in found])
    else:
        for file, fingerprint in found:
            _print(file, fingerprint)
    return Exit.FOUND if any(fingerprint.flaw for _, fingerprint in found) else Exit.DONE


async def _fingerprints(names: list[str], settings: "HashingSettings") -> list[tuple[str, Fingerprint]]:
    """The fingerprint of each file, in order; no more of them in memory than there are hashers."""
    from edgeward.hashing.pool import HasherPool
    from edgeward.hashing.request import HashRequest

    pool = HasherPool(settings)
    slots = asyncio.Semaphore(settings.processes)

    async def one(name: str) -> tuple[str, Fingerprint]:
        async with slots:
            return name, await pool.fingerprint(_read_picture(name, settings.max_bytes), HashRequest(exact=True))

    await pool.start()
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(name)) for name in names]
    except* EdgewardError as errors:
        raise errors.exceptions[0] from None
    finally:
        await pool.close()
    return [task.result() for task in tasks]


def _read_picture(name: str, max_bytes: int) -> bytes:
    from edgeward.hashing.media import sniff

    body = files.read_file(name, max_bytes)
    if sniff(body) is None:
        raise BadImage(f"{name}: no known image format")
    return body


def _print(file: str, fingerprint: Fingerprint) -> None:
    size = f", {fingerprint.width} x {fingerprint.height} pixels" if fingerprint.width else ""
    print(f"{file}: {fingerprint.media_type}{size}")
    if fingerprint.flaw:
        print(f"flaw: {fingerprint.flaw} (no perceptual hashes)")
    for signal in fingerprint.signals:
        quality = "" if signal.quality is None else f"  quality {signal.quality}"
        print(f"{signal.type}:{signal.value}{quality}")


def _as_json(file: str, fingerprint: Fingerprint) -> dict[str, Any]:
    return {
        "file": file,
        "sha256": fingerprint.sha256,
        "media_type": fingerprint.media_type,
        "width": fingerprint.width,
        "height": fingerprint.height,
        "flaw": fingerprint.flaw,
        "signals": [_signal(signal) for signal in fingerprint.signals],
    }


def _signal(signal: Signal) -> dict[str, Any]:
    return {"type": signal.type, "value": signal.value, "quality": signal.quality}
