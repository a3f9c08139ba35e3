"""Pictures to perceptual signals.

pdq           picture -> PDQ and its quality, as two matrix products
luma lanczos  what phash and dhash are made of, for pictures in transit
source_image  one picture, with everything that several of its hashes need computed once
hashes        one picture -> every perceptual signal that is named
cosine_transform   SciPy's, without all else of SciPy
installed_types    the same for installed signal types
downscaled_copies  picture -> the PDQs of its smaller copies
borders       luma -> the boxes within borders or letterboxes
views         frame -> the signals of its views
frames        bytes -> the signals of all distinct frames, and the flaw if some are missing

geometry      picture -> PDQs of what it may have been before it was cropped, rotated or covered in part; with
              extrapolation    what may lie beyond the edges
              crop_windows     PDQs of windows of the extrapolated picture
              small_rotations  the picture rotated back by a few degrees
              occlusions       the picture with parts inpainted
"""
