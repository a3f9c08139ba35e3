"""Pictures to perceptual signals.

pdq          picture -> PDQ and its quality, as two matrix products
luma lanczos what phash and dhash are made of, for pictures in transit
subject      one picture, and what several of its hashes are made of
hashes       one picture -> every perceptual signal asked for
installed    the same for signal types that are installed beside the package
borders      luma -> where within borders the picture proper may lie
geometry     picture -> what it may have been before it was cropped, turned or covered (canvas, windows, turns, covers)
views        frame -> the signals of its views: stored, shown, inner, turned, searched
reading      bytes -> the signals of all distinct frames, or the flaw that kept them away
"""
