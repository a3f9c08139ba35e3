"""libjxl, called through its C interface."""

import importlib.machinery

import pytest
from tests.hashing.pictures import encoded, photograph

from edgeward.hashing.decoding import libjxl
from edgeward.hashing.decoding.libjxl import BASIC_INFO, FRAME, FULL_IMAGE, NEED_BUFFER, SUCCESS, Decoder


def test_a_picture_step_by_step() -> None:
    """The events come in order, and the pixels are those that were written."""
    picture = photograph().resize((40, 30))
    decoder = Decoder(encoded(picture, "JXL"))
    assert decoder.process() == BASIC_INFO
    info = decoder.basic_info()
    assert (info.xsize, info.ysize, info.num_color_channels, info.alpha_bits) == (40, 30, 3, 0)
    assert [decoder.process(), decoder.process()] == [FRAME, NEED_BUFFER]
    buffer = decoder.set_buffer(3, 40 * 30 * 3)
    assert decoder.process() == FULL_IMAGE
    assert buffer.raw == picture.tobytes()
    assert decoder.process() == SUCCESS


def test_a_buffer_that_is_too_small_is_not_written_to() -> None:
    """libjxl writes no byte beyond the buffer that it is given."""
    decoder = Decoder(encoded(photograph().resize((40, 30)), "JXL"))
    while decoder.process() != NEED_BUFFER:
        pass
    buffer = decoder.set_buffer(3, 100)
    assert decoder.process() != FULL_IMAGE
    assert buffer.raw == bytes(100)


def test_without_the_library_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing or other version of the library is named when the module is imported, not at the first image."""
    monkeypatch.setattr(libjxl, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="imagecodecs"):
        libjxl._load()
    monkeypatch.setattr(libjxl, "find_spec", lambda name: importlib.machinery.ModuleSpec(name, None, is_package=True))
    with pytest.raises(ImportError, match="libjxl"):
        libjxl._load()
