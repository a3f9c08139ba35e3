"""The allow-list of decoders: one for each media type in media_types.DECODABLE. No other is ever loaded.

`Image.open` would load all of Pillow's plug-ins, among them some that run programs (Ghostscript for EPS). Here the
class for the one format that the magic bytes named is called directly.
"""

import io
from collections.abc import Callable, Mapping

from PIL import AvifImagePlugin, Image, PngImagePlugin
from PIL.GifImagePlugin import GifImageFile
from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import options as heif
from pillow_heif.as_plugin import HeifImageFile

from edgeward.hashing.decoding.bitmaps import open_bitmap
from edgeward.hashing.decoding.icons import open_icon
from edgeward.hashing.decoding.jxl import JxlImageFile

DECODERS: Mapping[str, Callable[[io.BytesIO], Image.Image]] = {
    "image/jpeg": JpegImageFile,
    "image/png": PngImagePlugin.PngImageFile,
    "image/gif": GifImageFile,
    "image/webp": WebPImageFile,
    "image/avif": AvifImagePlugin.AvifImageFile,
    "image/heic": HeifImageFile,
    "image/jxl": JxlImageFile,
    "image/jp2": Jpeg2KImageFile,
    "image/tiff": TiffImageFile,
    "image/bmp": open_bitmap,
    "image/x-icon": open_icon,
}
"""What opens a file of each media type. It may raise nearly anything; SyntaxError if the file has another format.

Only the first picture of an MPO is seen: it is a JPEG, and browsers show no other.
"""

# Browsers refuse no picture for its text chunks, so Pillow must not either. Memory is limited by the process.
PngImagePlugin.MAX_TEXT_MEMORY = 2**62
# One hasher uses one core.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
heif.DECODE_THREADS = 1
# Pictures that are never shown are not decoded.
heif.THUMBNAILS = heif.DEPTH_IMAGES = heif.AUX_IMAGES = False
