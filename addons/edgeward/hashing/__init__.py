"""Bytes to `Fingerprint`: the room of everything that reads pictures.

    digests      bytes -> sha256, sha1, md5
    media        first bytes -> media type, by magic alone
    codings      Content-Encoding undone, with bounds
    promises     the size that a WebP or AVIF promises, read without its decoder
    images       bytes -> Pillow pictures that may be hashed, frame by frame, with bounds
    pdq          picture -> PDQ and its quality, as two matrix products
    borders      luma -> where within borders the picture proper may lie
    subject      one picture, and what several of its hashes are made of
    perceptual   picture -> every perceptual signal asked for
    views        frame -> the signals of its views: stored, shown, inner, turned, searched
    reading      bytes -> the perceptual signals of all distinct frames, or the flaw that kept them away
    signals      "TYPE:HEX" -> a Signal that is fit for a list
    signal_types what a signal type is: those that ship, and the class of those that can be installed
    registry     the types there are in this process, the installed ones among them
    installed    picture -> the signals of installed types
    plain        bytes -> what is known of them without decoding a picture
    fingerprint  all of the above, in one process and in one function
    worker       the hasher: a process of its own that runs `fingerprint` on hostile bytes
    warm_up      what it does before, so that nothing is left to load
    trials       the pictures that it does it with
    serving      the inside of an isolated process: confined, it answers one question after another
    confinement  what such a process gives up: by limits, by landlock, by seccomp
    room         how much memory its limit leaves
    frames       what isolated processes and their parents say to each other
    isolated     such a process as its parent sees it
    hasher       one that hashes, and whose answers are checked
    pool         several hashers, always replaced, never waited for too long

Pictures are parsed in hashers only. Whoever holds a `HasherPool` imports no decoder: `digests`, `media`, `codings`,
`plain`, `signal_types`, `registry`, `signals`, `hasher` and `pool` know neither Pillow nor numpy.
"""
