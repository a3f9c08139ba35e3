"""A signal type and a classifier that somebody else wrote: distributions in directories that the tests make."""

import importlib
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeward import plug_ins
from edgeward.hashing.registry import known

MEAN = '''
from edgeward.hashing.signal_types import SignalType

SIDE = 12


class PhotoDnaStandIn(SignalType):
    """The mean brightness of 12 x 12 fields, 144 bytes. Its distance is not Hamming's: the sum of the differences."""

    name = "photodna"
    bits = 1152
    radius = 600
    max_radius = 3000

    def prepare(self):
        from PIL import Image

        self._box = Image.Resampling.BOX

    def hash(self, image):
        if image.size == (96, 64):
            raise RuntimeError("a picture that it can't stand")
        value = image.convert("L").resize((SIDE, SIDE), self._box).tobytes()
        return None if max(value) - min(value) < 8 else value

    def distance(self, one, other):
        return sum(abs(a - b) for a, b in zip(one, other, strict=True))
'''

MODEL = '''
import os
import signal
import socket
import time

from edgeward.classifying.classifier import Classifier


class ModelStandIn(Classifier):
    """What it does is said by the width of the picture."""

    name = "model"

    def prepare(self):
        self._read = open(__file__)
        self._deeds = {
            101: lambda: [("cat", 0.5), ("a.dog_2 -", 0.91234567)],
            102: lambda: [("cat", 0.3)],
            103: lambda: None,
            104: lambda: 1 / 0,
            105: lambda: [("no\\nlabel", 0.9)],
            106: lambda: [("cat", float("nan"))],
            201: lambda: time.sleep(60),
            202: lambda: bytearray(1 << 40),
            203: lambda: os.abort(),
            204: lambda: open("WRITTEN", "w"),
            205: lambda: socket.socket().connect(("127.0.0.1", int("PORT"))),
            206: lambda: __import__("colorsys"),
        }

    def classify(self, image):
        assert image.mode == "RGB"
        return self._deeds.get(image.width, lambda: [])()
'''


def install(
    directory: Path,
    code: str = MEAN,
    name: str = "photodna",
    kind: str = "PhotoDnaStandIn",
    by: str = "stand-in",
    group: str = plug_ins.SIGNALS,
) -> Path:
    """A directory for PYTHONPATH in which such a distribution is installed, with `kind` of its `code` as `name`."""
    module = by.replace("-", "_")
    info = directory / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (directory / f"{module}.py").write_text(textwrap.dedent(code))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {by}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{kind}\n")
    return directory


def install_model(directory: Path, code: str = MODEL, kind: str = "ModelStandIn", **said: object) -> Path:
    """The same for a classifier "model"; words of its code that are `said` are replaced."""
    for word, value in said.items():
        code = code.replace(word, str(value))
    return install(directory, code, "model", kind, "their-model", plug_ins.CLASSIFIERS)


@contextmanager
def in_this_process(directory: Path) -> Iterator[None]:
    """What is installed in `directory` is known meanwhile."""
    modules = set(sys.modules)
    sys.path.insert(0, str(directory))
    importlib.invalidate_caches()
    known.cache_clear()
    try:
        yield
    finally:
        sys.path.remove(str(directory))
        known.cache_clear()
        for name in set(sys.modules) - modules:
            if (directory / f"{name}.py").is_file():
                del sys.modules[name]
