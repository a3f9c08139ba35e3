"""Syntax trees of many files: hundreds of thousands of objects, which the garbage collector need not traverse."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import _lru_cache_wrapper
from typing import Any


@contextmanager
def syntax_trees(*caches: "_lru_cache_wrapper[Any]") -> Iterator[None]:
    """Meanwhile nothing is collected, which makes parsing three times as fast. Afterwards the trees in `caches` go."""
    gc.disable()
    try:
        yield
    finally:
        for cache in caches:
            cache.cache_clear()
        gc.enable()
