"""One file of hashes at a path or a URL: fetched, checked, and told from the one before."""

import asyncio
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import unquote, urlsplit

from edgeward.imports.temporary_files import append, unnamed_file
from edgeward.settings.source_settings import ListSourceSettings, is_url
from edgeward.sources.file_checks import MAX_CHECK_BYTES, check_sha256, check_signature, sha256_of
from edgeward.sources.source_client import Credentials, SourceClient
from edgeward.sources.source_failure import SourceFailed

COPY_BYTES = 1024 * 1024
SIGNATURE_SUFFIX = ".minisig"


class Fetched(NamedTuple):
    """What a pull has fetched. Close the file.

    Attributes:
        file: to be imported; None if there is nothing new.
        checkpoint: for the next pull, once it is imported.
        format: of the file; "" if that is for the importer to find out.
        problems: what could not be fetched, and is tried again; for people.
        more: there is more to be fetched at once.
        whole: the file is all that the source has now: what it lacks is withdrawn.
    """

    file: BinaryIO | None
    checkpoint: Mapping[str, Any]
    format: str = ""
    problems: tuple[str, ...] = ()
    more: bool = False
    whole: bool = False


class ListFile:
    """The file of one source.

    Args:
        directory: where it is kept while it is read, without a name.
    """

    def __init__(self, settings: ListSourceSettings, directory: Path) -> None:
        self._settings, self._directory = settings, directory

    async def fetch(self, checkpoint: Mapping[str, Any]) -> Fetched:
        """The file, if it is not the one of the checkpoint.

        Raises:
            SourceFailed: it can't be read, or is not what its checksum or signature says.
            NoDiskSpace: the disk is full.
        """
        known = checkpoint if checkpoint.get("of") == self._identity() else {}
        return await (self._fetch_url(known) if is_url(self._settings.location) else self._fetch_path(known))

    async def _fetch_url(self, known: Mapping[str, Any]) -> Fetched:
        asked = {"If-None-Match": known.get("etag"), "If-Modified-Since": known.get("last_modified")}
        async with self._client(self._settings.location) as client:
            headers = {name: value for name, value in asked.items() if value}
            answer = await client.get(self._settings.location, self._settings.max_bytes, headers)
        if answer.status == 304:
            answer.body.close()
            return Fetched(None, known)
        found = {"etag": answer.headers.get("etag", ""), "last_modified": answer.headers.get("last-modified", "")}
        return await self._checked(answer.body, known, found)

    async def _fetch_path(self, known: Mapping[str, Any]) -> Fetched:
        path = Path(self._settings.location)
        try:
            before = await asyncio.to_thread(_stamp, path)
            if before == known.get("stamp"):
                return Fetched(None, known)
            file = await asyncio.to_thread(_copy, path, self._directory, self._settings.max_bytes)
            if await asyncio.to_thread(_stamp, path) != before:
                file.close()
                raise SourceFailed(f"{path} is being written: write it beside, and rename it when it is whole")
        except OSError as error:
            raise SourceFailed(f"{path} can't be read: {error.strerror}") from None
        return await self._checked(file, known, {"stamp": before})

    async def _checked(self, file: BinaryIO, known: Mapping[str, Any], found: Mapping[str, str]) -> Fetched:
        try:
            digest = await asyncio.to_thread(sha256_of, file)
            checkpoint = {"of": self._identity(), "sha256": digest, **found}
            if digest == known.get("sha256"):
                file.close()
                return Fetched(None, checkpoint)
            await self._check(file, digest)
        except BaseException:
            file.close()
            raise
        return Fetched(file, checkpoint, self._settings.format)

    async def _check(self, file: BinaryIO, digest: str) -> None:
        """Raises SourceFailed."""
        settings = self._settings
        if settings.checksum:
            name = unquote(urlsplit(settings.location).path) if is_url(settings.location) else settings.location
            check_sha256(digest, await self._small_file(settings.checksum), name.rpartition("/")[2])
        if settings.public_key:
            signature = await self._small_file(settings.signature or settings.location + SIGNATURE_SUFFIX)
            await asyncio.to_thread(check_signature, file, signature, settings.public_key)

    async def _small_file(self, location: str) -> bytes:
        if not is_url(location):
            try:
                with await asyncio.to_thread(_copy, Path(location), self._directory, MAX_CHECK_BYTES) as file:
                    return file.read()
            except OSError as error:
                raise SourceFailed(f"{location} can't be read: {error.strerror}") from None
        async with self._client(self._settings.location) as client:
            return (await client.get(location, MAX_CHECK_BYTES)).read()

    def _client(self, url: str) -> SourceClient:
        settings = self._settings
        credentials = None
        if settings.token:
            credentials = Credentials.bearer(settings.token)
        elif settings.username:
            credentials = Credentials.basic(settings.username, settings.password)
        return SourceClient(url, self._directory, credentials, settings.redirects)

    def _identity(self) -> str:
        """Tells whether the settings are those of the checkpoint: what a file means depends on them."""
        own = {"every_seconds", "stale_seconds", "timeout_seconds", "token", "username", "password"}
        values = self._settings.model_dump(mode="json", exclude=own)
        return hashlib.blake2b(repr(sorted(values.items())).encode(), digest_size=8).hexdigest()


def _stamp(path: Path) -> str:
    """Tells a file from the one before without reading it. Raises OSError, SourceFailed."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise SourceFailed(f"{path} is not a file")
    return f"{found.st_dev}-{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"


def _copy(path: Path, directory: Path, limit: int) -> BinaryIO:
    """A copy without a name: the file itself may change while it is read. Raises OSError, SourceFailed, NoDiskSpace."""
    # Not blocking: a FIFO in its place would wait for a writer.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise SourceFailed(f"{path} is not a file")
        copy, size = unnamed_file(directory), 0
        try:
            while part := file.read(COPY_BYTES):
                size += len(part)
                if size > limit:
                    raise SourceFailed(f"{path} has more than {limit:,} bytes")
                append(copy, part, directory)
        except BaseException:
            copy.close()
            raise
    copy.seek(0)
    return copy
