"""SciPy's discrete cosine transform, by the one compiled module that computes it.

`scipy.fftpack`, which imagehash imports for a phash, loads special functions, linear algebra and the testing tools of
NumPy besides: that takes as long as everything else that a hasher imports. The values are the same, bit for bit.
"""

import sys
from collections.abc import Callable, Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]
type Transform = Callable[[NDArray[np.generic], int], Array]

MODULES = ("scipy.fft._duccfft.pyduccfft", "scipy.fft._pocketfft.pypocketfft")
"""Private names: in SciPy from 1.18 on, and before. A release that has neither is used by its public name."""
_TYPE_2, _NOT_NORMALIZED, _THREADS = 2, 0, 1


def transform(compiled: ModuleType | None) -> Transform:
    """A function that makes the DCT-II, not normalized, of the numbers along an axis.

    `compiled`: one of MODULES. None: `scipy.fftpack` does it.
    """
    if compiled is None:
        from scipy import fftpack

        return lambda values, axis: fftpack.dct(values, axis=axis)
    of_floats = compiled.dct
    return lambda values, axis: of_floats(
        np.asarray(values, np.float64), _TYPE_2, (axis,), _NOT_NORMALIZED, None, _THREADS
    )


def compiled_module() -> ModuleType | None:
    """The first of MODULES that is installed, imported without the packages around it."""
    return next(filter(None, map(_imported, MODULES)), None)


def _imported(name: str) -> ModuleType | None:
    if name in sys.modules:
        return sys.modules[name]
    for path in _places(name):
        spec = spec_from_file_location(name, path)
        if spec is not None and spec.loader is not None and path.is_file():
            # Under its own name: should another library import SciPy later, it finds this one.
            sys.modules[name] = module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return None


def _places(name: str) -> Iterator[Path]:
    package, *inner = name.split(".")
    found = find_spec(package)
    for directory in (found.submodule_search_locations or ()) if found else ():
        yield from (Path(directory, *inner[:-1], inner[-1] + suffix) for suffix in EXTENSION_SUFFIXES)


cosine_transform: Transform = transform(compiled_module())
"""DCT-II, not normalized, of the numbers along an axis."""
