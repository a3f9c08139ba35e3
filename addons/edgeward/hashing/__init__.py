"""Bytes -> Fingerprint: everything that parses pictures.

    digests                 bytes -> sha256, sha1, md5
    media_types             first bytes -> media type, by magic bytes alone
    content_codings         Content-Encoding undone, with limits
    undecoded_fingerprint   bytes -> the fingerprint without decoding a picture
    signals                 "TYPE:HEX" -> a Signal that may be listed
    signal_types            what a signal type is: the built-in ones, and the base class of installed ones
    signal_registry         the signal types of this process, installed ones included
    composite               a picture's dhash and PDQ in one value
    fingerprint_generation  which settings and views a fingerprint was made with
    hash_request            what a hasher is told besides the body
    fingerprint             all signals of a body, in one function

    decoding/         bytes -> pictures, frame by frame, with limits
    perceptual/       picture -> its perceptual signals, in every view
    embedded_images/  the pictures inside SVG, HTML and CSS
    hashers/          the processes that do all of it, and their pool

Pictures are parsed in hashers only. A process with a `HasherPool` imports no decoder: the modules of this directory,
except `fingerprint`, import neither Pillow nor numpy, nor do `hashers.hasher` and `hashers.pool`.
"""
