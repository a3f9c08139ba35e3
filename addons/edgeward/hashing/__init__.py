"""Bytes to `Fingerprint`: the room of everything that reads pictures.

    digests      bytes -> sha256, sha1, md5
    media        first bytes -> media type, by magic alone
    codings      Content-Encoding undone, with bounds
    promises     the size that a WebP or AVIF promises, read without its decoder
    images       bytes -> Pillow pictures that may be hashed, frame by frame, with bounds
    pdq          picture -> PDQ and its quality, as two matrix products
    perceptual   picture -> every perceptual signal asked for
    signals      "TYPE:HEX" -> a Signal that is fit for a list
    plain        bytes -> what is known of them without decoding a picture
    fingerprint  all of the above, in one process and in one function
    worker       the hasher: a process of its own that runs `fingerprint` on hostile bytes
    frames       what hashers and their parents say to each other
    hasher       one hasher as its parent sees it
    pool         several hashers, always replaced, never waited for too long

Pictures are parsed in hashers only. Whoever holds a `HasherPool` imports no decoder: `digests`, `media`, `codings`,
`plain`, `hasher` and `pool` know neither Pillow nor numpy.
"""
