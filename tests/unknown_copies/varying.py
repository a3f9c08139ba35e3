"""Resources with unusual Vary: an image for each client under /NAME, with the Vary of that name."""

import re
from email.utils import formatdate
from functools import cache

from tests.scenarios.pictures import picture

VARIES: dict[str, tuple[bytes, ...]] = {
    "none": (),
    "empty": (b"",),
    "any": (b"*",),
    "any-last": (b"Accept, *",),
    "any-first": (b"*, Accept",),
    "any-in-another-field": (b"Accept", b"*"),
    "space": (b"Acc ept",),
    "slash": (b"a/b, Accept",),
    "semicolons": (b";;",),
    "quoted": (b'"x", Accept',),
    "commas": (b"Accept,,X-Odd,", b","),
    "parameter": (b"Accept;q=1",),
    "repeated": (b"Accept, ACCEPT, accept",),
    "fields": (b"X-Odd", b"Accept"),
    "repeated-field": (b"Accept", b"accept"),
    "four": (b"X-Odd, Accept, Cookie, X-1",),
    "nine": (b", ".join(b"X-%d" % number for number in range(8)) + b", Accept",),
    "200": (b", ".join(b"X-%d" % number for number in range(200)),),
    "long": (b"X-" + b"l" * 3000 + b", Accept",),
    "latin-1": (b"X-\xe9, Accept",),
    "utf-8": ("X-é, X-Odd".encode(),),
    "host": (b"Host, Accept",),
    "cookie": (b"Cookie",),
    "authorization": (b"Authorization",),
    "user-agent": (b"User-Agent",),
    "connection": (b"Connection, X-Odd",),
    "range": (b"Range, X-Odd",),
    "conditions": (b"If-None-Match, If-Modified-Since",),
    "forwarded-for": (b"X-Forwarded-For",),
    "cache-control": (b"Cache-Control",),
    "our-own": (b"Edgeward-Forget, Edgeward-Secret",),
    "tabs": (b"Accept\t,\tX-Odd",),
}
_CLIENT = re.compile(rb"(?im)^x-client:\s*(\w+)")


@cache
def _body() -> bytes:
    return picture(5)


def image(name: str, client: str) -> bytes:
    return _body() + f"mark-{name}-{client}-mark".encode()


class VaryingResources:
    """For the origin of a site. `emptied`: names of those that are gone."""

    def __init__(self) -> None:
        self.emptied = set[str]()

    def answer(self, head: bytes, target: bytes) -> bytes | None:
        """The response to a request, given its head and its target; None: nothing is there."""
        name = target.decode("latin-1").strip("/")
        if name in self.emptied or name not in VARIES:
            return None
        asked = _CLIENT.search(head)
        body = image(name, asked[1].decode() if asked else "B")
        varies = b"".join(b"Vary: %b\r\n" % each for each in VARIES[name])
        fields = b"Content-Type: image/png\r\nCache-Control: public, max-age=900\r\n" + varies
        fields += b"Date: %b\r\nContent-Length: %d\r\n\r\n" % (formatdate(usegmt=True).encode(), len(body))
        return b"HTTP/1.1 200 OK\r\n" + fields + (b"" if head.startswith(b"HEAD ") else body)
