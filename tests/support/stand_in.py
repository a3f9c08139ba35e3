"""A signal type and a classifier from other distributions, which tests install in directories of their own."""

import importlib
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edgeward import plug_ins
from edgeward.hashing.signal_registry import listable_types

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
            raise RuntimeError("a picture that it can't hash")
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
    """The width of the picture says what it does."""

    name = "model"

    def prepare(self):
        self._read = open(__file__)
        self._acts = {
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
        return self._acts.get(image.width, lambda: [])()
'''


def install(
    directory: Path,
    code: str = MEAN,
    name: str = "photodna",
    kind: str = "PhotoDnaStandIn",
    by: str = "stand-in",
    group: str = plug_ins.SIGNAL_GROUP,
) -> Path:
    """Install a distribution `by` in `directory`, for PYTHONPATH. Its plug-in `name` is the class `kind` of `code`."""
    module = by.replace("-", "_")
    info = directory / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (directory / f"{module}.py").write_text(textwrap.dedent(code))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {by}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:{kind}\n")
    return directory


def install_model(directory: Path, code: str = MODEL, kind: str = "ModelStandIn", **replaced: object) -> Path:
    """Install a classifier "model". The keywords are words of its code, and their replacements."""
    for word, value in replaced.items():
        code = code.replace(word, str(value))
    return install(directory, code, "model", kind, "their-model", plug_ins.CLASSIFIER_GROUP)


@contextmanager
def in_this_process(directory: Path) -> Iterator[None]:
    """Make the distributions in `directory` importable here."""
    modules = set(sys.modules)
    sys.path.insert(0, str(directory))
    importlib.invalidate_caches()
    listable_types.cache_clear()
    try:
        yield
    finally:
        sys.path.remove(str(directory))
        listable_types.cache_clear()
        for name in set(sys.modules) - modules:
            if (directory / f"{name}.py").is_file():
                del sys.modules[name]
