"""Bytes to pictures: one decoder for each format, chosen by magic bytes, with limits on pixels and frames.

decoders     the allow-list of decoders
header_size  the size that a file's header declares, read without its decoder
images       bytes -> pictures to hash, frame by frame
flattening   any mode, with or without alpha -> "L" or "RGB"
orientation  Exif data -> how to turn a picture upright
bitmaps icons jxl libjxl webp   what Pillow does not read, or not as browsers do
"""
