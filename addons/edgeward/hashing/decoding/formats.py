"""The allow-list of decoders: one for each media type in media.DECODABLE, and no other is ever loaded.

Pillow's own way to open a file would load all of its plug-ins, among them those that run programs (EPS by way of
Ghostscript). Here its classes are called by themselves; each reads the one format that the magic bytes named.
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
"""What opens a file of each media type. Raises nearly anything, SyntaxError where it is of another format.

The further pictures of an MPO are not seen: it is a JPEG, of which browsers show the first.
"""

# Browsers refuse no picture for the text beside its pixels; the limit on address space is ours.
PngImagePlugin.MAX_TEXT_MEMORY = 2**62
# One hasher, one core.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
heif.DECODE_THREADS = 1
# What is not shown is not read.
heif.THUMBNAILS = heif.DEPTH_IMAGES = heif.AUX_IMAGES = False
