"""Bytes to pictures: one decoder each, chosen by magic bytes, with bounds on pixels and frames.

formats      the allow-list of decoders
promises     the size that a header promises, read without its decoder
images       bytes -> pictures that may be hashed, frame by frame
painting     any mode, with or without alpha -> "L" or "RGB"
orientation  how a picture is to be turned to be seen
bitmaps icons jxl libjxl webp   what Pillow does not read as it is wanted here
"""
