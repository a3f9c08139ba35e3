"""JPEG XL (ISO/IEC 18181), bare or in its container, still or animated, as a Pillow image file."""

from typing import Any

from PIL import Image, ImageFile

from edgeward.hashing.decoding.libjxl import BASIC_INFO, FRAME, FULL_IMAGE, NEED_BUFFER, SUCCESS, Decoder

_MODES = {(1, False): "L", (1, True): "LA", (3, False): "RGB", (3, True): "RGBA"}
"""By the number of colour channels, and whether there is alpha. Other extra channels are ignored."""


class JxlImageFile(ImageFile.ImageFile):
    """Opening reads the header; frames are decoded one by one, as they are loaded, and only forwards.

    The picture comes turned as its header says. All readers do that, and ignore its Exif orientation.
    """

    format = "JXL"
    format_description = "JPEG XL"

    def _open(self) -> None:
        assert self.fp is not None
        self._decoder = Decoder(self.fp.read())
        if self._decoder.process() != BASIC_INFO:
            raise SyntaxError("no header of JPEG XL")
        info = self._decoder.basic_info()
        self._size = info.xsize, info.ysize
        self._mode = _MODES[info.num_color_channels, info.alpha_bits > 0]
        self._frame = -1
        self._pending = self._cut_off = False

    def seek(self, frame: int) -> None:
        """Go to the next frame. EOFError: there is none; OSError: the file is broken."""
        if frame == self._frame:
            return
        if frame != self._frame + 1:
            raise ValueError(f"from frame {self._frame} to {frame}")
        if self._pending:
            self.load()
        status = SUCCESS if self._cut_off else self._decoder.process()
        if status == SUCCESS:
            raise EOFError(f"no frame {frame}")
        if status != FRAME:
            raise OSError("broken JPEG XL")
        self._frame, self._pending = frame, True

    def tell(self) -> int:
        return max(self._frame, 0)

    def load(self) -> Any:
        """Decode the frame. OSError: it is broken, or cut off while ImageFile.LOAD_TRUNCATED_IMAGES is off."""
        if self._frame < 0:
            self.seek(0)
        if self._pending:
            self._pending = False
            self.im = Image.frombytes(self.mode, self.size, self._pixels()).im
        return Image.Image.load(self)

    def _pixels(self) -> bytes:
        channels = len(self.getbands())
        status = self._decoder.process()
        if status != NEED_BUFFER:
            raise OSError("broken JPEG XL")
        buffer = self._decoder.set_buffer(channels, self.width * self.height * channels)
        if self._decoder.process() != FULL_IMAGE:
            self._cut_off = ImageFile.LOAD_TRUNCATED_IMAGES and self._decoder.flush()
            if not self._cut_off:
                raise OSError("broken JPEG XL")
        return buffer.raw
