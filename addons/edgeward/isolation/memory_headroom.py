"""How much memory RLIMIT_AS leaves. The kernel is asked by trying, since a confined process can open no file."""

import mmap
import resource


def can_allocate(size: int) -> bool:
    """Whether `size` more bytes of address space are left in one piece."""
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        return True
    try:
        # Read-only pages that are never touched cost address space, but no memory.
        mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ).close()
    except (OSError, OverflowError):
        return False
    return True
