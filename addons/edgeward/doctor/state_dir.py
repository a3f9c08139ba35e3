"""Checks state_dir: whether it is there, this user may use it, and its disk has space."""

import os
import shutil
from pathlib import Path

from edgeward.doctor.finding import Finding, fail, ok, warn

MIN_FREE_BYTES = 256 * 1024 * 1024
"""The embedded store rewrites its append-only file, and the journal of requests grows."""
FULL_BYTES = 1024 * 1024


def check_state_dir(state_dir: Path) -> list[Finding]:
    """`state_dir`: the setting."""
    path = state_dir.absolute()
    try:
        owner = path.stat().st_uid
        usage = shutil.disk_usage(path)
    except FileNotFoundError:
        fix = "start `edgeward run` once, or correct state_dir"
        return [fail("state_dir", "directory", f"{path} does not exist", fix)]
    except OSError as error:
        return [fail("state_dir", "directory", f"{path}: {error.strerror}", "correct its permissions, or state_dir")]
    return [_check_access(path, owner), _check_space(path, usage.free, usage.total)]


def _check_access(path: Path, owner: int) -> Finding:
    if not path.is_dir():
        return fail("state_dir", "directory", f"{path} is not a directory", "correct state_dir")
    parts = [path, *(path / name for name in ("store", "metrics", "under-way", "batches") if (path / name).exists())]
    if read_only := next((part for part in parts if os.statvfs(part).f_flag & os.ST_RDONLY), None):
        # Nobody may write there, whoever owns it (EROFS).
        detail = f"{read_only} is on a file system that is mounted read-only"
        return fail("state_dir", "directory", detail, "mount it for writing, or set state_dir to another directory")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        detail = f"user id {os.geteuid()} may not read and write {path}, which belongs to user id {owner}"
        return fail("state_dir", "directory", detail, "run as its owner, or change its owner")
    for part in parts[1:]:
        if not os.access(part, os.R_OK | os.W_OK | os.X_OK):
            detail = f"user id {os.geteuid()} may not read and write {part}"
            return fail("state_dir", "directory", detail, "change its owner: it was made by another user")
    return ok("state_dir", "directory", f"{path} can be read and written")


def _check_space(path: Path, free: int, total: int) -> Finding:
    detail = f"{free / 2**20:.0f} of {total / 2**20:.0f} MiB are free on the disk of {path}"
    if free < FULL_BYTES:
        return fail("state_dir", "disk", f"the disk is full: {detail}", "free space: nothing can be recorded")
    if free < MIN_FREE_BYTES:
        return warn("state_dir", "disk", detail, "free space before the disk is full")
    return ok("state_dir", "disk", detail)
