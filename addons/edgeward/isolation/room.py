"""Whether address space is left under RLIMIT_AS: asked of the kernel by taking it, since no file may be opened."""

import mmap
import resource


def has_room(size: int) -> bool:
    """Whether `size` more bytes can be had in one piece. Read-only pages that nobody touches cost no memory."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return True
    try:
        mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ).close()
    except (OSError, OverflowError):
        return False
    return True
