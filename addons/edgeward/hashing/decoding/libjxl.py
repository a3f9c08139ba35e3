"""The part of libjxl's C interface (libjxl 0.12, decode.h) that reading pictures needs.

The library is the one in the package imagecodecs. It is called directly, since its Python wrappers allocate memory
before the size can be checked, and give all frames of an animation or only the last.
"""

import ctypes
from importlib.util import find_spec
from pathlib import Path

SUCCESS, NEED_BUFFER = 0, 5
BASIC_INFO, FRAME, FULL_IMAGE = 0x40, 0x400, 0x1000
"""JxlDecoderStatus: what `process` has reached, or needs. SUCCESS: the file is at its end."""

_UINT8 = 2
"""JxlDataType: samples of any depth are scaled to 0..255."""
_VERSION = 12
"""0.12. The structures below may differ in another version."""


class BasicInfo(ctypes.Structure):
    """JxlBasicInfo (codestream_header.h), up to the fields that are read here."""

    _fields_ = (
        ("have_container", ctypes.c_int),
        ("xsize", ctypes.c_uint32),
        ("ysize", ctypes.c_uint32),
        ("bits_per_sample", ctypes.c_uint32),
        ("exponent_bits_per_sample", ctypes.c_uint32),
        ("intensity_target", ctypes.c_float),
        ("min_nits", ctypes.c_float),
        ("relative_to_max_display", ctypes.c_int),
        ("linear_below", ctypes.c_float),
        ("uses_original_profile", ctypes.c_int),
        ("have_preview", ctypes.c_int),
        ("have_animation", ctypes.c_int),
        ("orientation", ctypes.c_int),
        ("num_color_channels", ctypes.c_uint32),
        ("num_extra_channels", ctypes.c_uint32),
        ("alpha_bits", ctypes.c_uint32),
        ("rest", ctypes.c_uint8 * 256),
    )


class PixelFormat(ctypes.Structure):
    """JxlPixelFormat (types.h): samples per pixel and their type, rows without gaps."""

    _fields_ = (
        ("num_channels", ctypes.c_uint32),
        ("data_type", ctypes.c_int),
        ("endianness", ctypes.c_int),
        ("align", ctypes.c_size_t),
    )


class Decoder:
    """A JxlDecoder with all of its input. It gives one frame after the other, turned upright."""

    def __init__(self, body: bytes) -> None:
        self._body = body  # libjxl does not copy it, so it must live as long as the decoder
        self._decoder = ctypes.c_void_p(_LIBJXL.JxlDecoderCreate(None))
        if self._decoder.value is None:
            raise MemoryError
        self._buffer: ctypes.Array[ctypes.c_char] | None = None
        _LIBJXL.JxlDecoderSubscribeEvents(self._decoder, BASIC_INFO | FRAME | FULL_IMAGE)
        _LIBJXL.JxlDecoderSetUnpremultiplyAlpha(self._decoder, 1)
        _LIBJXL.JxlDecoderSetInput(self._decoder, body, len(body))
        _LIBJXL.JxlDecoderCloseInput(self._decoder)

    def __del__(self) -> None:
        _LIBJXL.JxlDecoderDestroy(self._decoder)

    def process(self) -> int:
        """Decode up to the next event, and return it."""
        return int(_LIBJXL.JxlDecoderProcessInput(self._decoder))

    def basic_info(self) -> BasicInfo:
        """Size and channels. Valid after BASIC_INFO."""
        info = BasicInfo()
        _LIBJXL.JxlDecoderGetBasicInfo(self._decoder, ctypes.byref(info))
        return info

    def set_buffer(self, channels: int, size: int) -> ctypes.Array[ctypes.c_char]:
        """A buffer of `size` bytes for the next frame's pixels. It is filled at FULL_IMAGE."""
        self._buffer = ctypes.create_string_buffer(size)
        pixel_format = PixelFormat(channels, _UINT8, 0, 0)
        _LIBJXL.JxlDecoderSetImageOutBuffer(self._decoder, ctypes.byref(pixel_format), self._buffer, size)
        return self._buffer

    def flush(self) -> bool:
        """Write the decoded part of a cut-off frame to the buffer. False if nothing is decoded yet."""
        return bool(_LIBJXL.JxlDecoderFlushImage(self._decoder) == SUCCESS)


def _load() -> ctypes.CDLL:
    """The library, with the argument types of the functions that are called.

    Raises:
        ImportError: imagecodecs is not installed, or ships another version.
    """
    package = find_spec("imagecodecs")
    places = [Path(place).parent for place in (package and package.submodule_search_locations) or ()]
    found = [path for place in places for path in place.glob("imagecodecs.libs/libjxl-*.so.*")]
    if not found:
        raise ImportError("imagecodecs with its libjxl is not installed")
    library = ctypes.CDLL(str(found[0]))
    if library.JxlDecoderVersion() // 1000 != _VERSION:
        raise ImportError(f"imagecodecs ships libjxl {library.JxlDecoderVersion()}, not 0.{_VERSION}")
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    library.JxlDecoderCreate.restype = pointer
    for name, arguments in (
        ("Create", (pointer,)),
        ("Destroy", (pointer,)),
        ("SubscribeEvents", (pointer, ctypes.c_int)),
        ("SetUnpremultiplyAlpha", (pointer, ctypes.c_int)),
        ("SetInput", (pointer, ctypes.c_char_p, size)),
        ("CloseInput", (pointer,)),
        ("ProcessInput", (pointer,)),
        ("GetBasicInfo", (pointer, ctypes.POINTER(BasicInfo))),
        ("SetImageOutBuffer", (pointer, ctypes.POINTER(PixelFormat), pointer, size)),
        ("FlushImage", (pointer,)),
    ):
        getattr(library, f"JxlDecoder{name}").argtypes = arguments
    return library


_LIBJXL = _load()
