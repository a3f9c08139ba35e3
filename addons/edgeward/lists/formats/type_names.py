"""Names of signal types as other programs write them: SHA-1, HASH_MD5, sha256_hex, pdna."""

import re
from functools import cache

from edgeward.hashing.signal_registry import listable_types

_ALIASES = {"pdna": "photodna", "sha2": "sha256", "sha2256": "sha256"}
_OTHER = frozenset(
    {
        *("sha224", "sha384", "sha512", "sha3256", "sha3512", "blake2", "blake2b", "blake3", "md2", "md4", "ripemd160"),
        *("tiger", "whirlpool", "crc32", "ssdeep", "tlsh", "xxhash", "sdhash", "imphash", "netclean", "tmk", "tmkpdqf"),
        *(
            "vpdq",
            "md5video",
            "videomd5",
            "url",
            "uri",
            "domain",
            "hostname",
            "ip",
            "ipaddress",
            "email",
            "emailaddress",
        ),
        *("text", "rawtext", "filename", "filepath", "keyword"),
    }
)
_COMMON = frozenset({"md5", "sha1", "sha256", "pdq", "photodna"})


def normalized(name: str) -> str:
    """A name without case, and without what is no letter or digit of ASCII."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def signal_type_named(name: str) -> str | None:
    """The signal type that a name stands for; None if there is none."""
    plain = normalized(name)
    return _types().get(plain) or _types().get(plain.removeprefix("hash").removesuffix("hash"))


def common_type_named(name: str) -> str | None:
    """The same for types whose values do not depend on the program that computes them. Each library has its own phash
    and dhash: of a programme that does not say which it means, they match nothing or the wrong images."""
    found = signal_type_named(name)
    return found if found in _COMMON else None


def other_kind(name: str) -> str | None:
    """The name of a kind of hash or of another thing that lists of hashes contain, and that can't be listed; None if
    the name is of no such kind."""
    plain = normalized(name)
    return next((each for each in (plain, plain.removeprefix("hash")) if each in _OTHER), None)


@cache
def _types() -> dict[str, str]:
    return {**_ALIASES, **{normalized(name): name for name in listable_types()}}
