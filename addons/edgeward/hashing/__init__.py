"""Bytes to `Fingerprint`: the room of everything that reads pictures.

    digests      bytes -> sha256, sha1, md5
    media        first bytes -> media type, by magic alone
    codings      Content-Encoding undone, with bounds
    plain        bytes -> what is known of them without decoding a picture
    signals      "TYPE:HEX" -> a Signal that is fit for a list
    signal_types what a signal type is: those that ship, and the class of those that can be installed
    registry     the types there are in this process, the installed ones among them
    joint        a picture's PDQ and dhash in one value
    generation   what a fingerprint was made with, told apart by a few digits
    request      what is asked of a hasher besides the body
    fingerprint  all signals of a body, in one function

    decoding/    bytes -> pictures, frame by frame, with bounds
    perceptual/  picture -> its perceptual signals, in every view
    texts/       the pictures inside SVG, HTML and CSS
    hashers/     the processes that do all of it, and their pool

Pictures are parsed in hashers only. Whoever holds a `HasherPool` imports no decoder: what lies in this directory, but
for `fingerprint`, knows neither Pillow nor numpy, nor do `hashers.hasher` and `hashers.pool`.
"""
