"""What is recorded of a request until its response is judged: enough to ask for the same response again, and no more.

A cache selects a stored response by the target, the host and the request headers that Vary names (RFC 9111, 4.1). The
origin negotiates by Accept and its siblings (RFC 9110, 12.5). A response may name in Vary what only this request had,
so headers that are not ordinary are recorded too. Nothing else is: no credentials, no addresses, no Referer. Of the
other headers the names are, so that it is known which variants can't be asked for again.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mitmproxy import http

from edgeward.types import UNKNOWN_VARY

ALWAYS_RECORDED = frozenset(
    (
        "host", "accept", "accept-charset", "accept-encoding", "accept-language", "origin",
        "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port",
    )
)  # fmt: skip
"""Negotiation, and where a proxy in front of us received the request: caches and origins redirect by that."""
PRIVATE = re.compile(
    r"auth|cookie|token|key|secret|session|passw|credential|csrf|xsrf|signature|jwt|referer|"
    r"(^|-)ip$|ip-|-ip-|^forwarded$|forwarded-for|^via$|^from$|email|user-?(id|name)|client-cert|connecting"
)
"""Names of headers that are never recorded, even if Vary names them: they identify a person or prove a right."""
ORDINARY = re.compile(
    # What every browser sends.
    r"user-agent|referer|cookie|(proxy-)?authorization|cache-control|pragma|range|upgrade-insecure-requests|"
    r"if-(match|none-match|modified-since|unmodified-since|range)|sec-(fetch|ch-ua|gpc|websocket)(-.*)?|"
    r"(sec-|x-)?purpose|dnt|priority|x-requested-with|"
    # Of the connection or the body.
    r"connection|proxy-connection|keep-alive|te|trailer|transfer-encoding|upgrade|http2-settings|expect|date|"
    r"max-forwards|content-(length|type|encoding)|"
    # What proxies add: addresses, and a new number for each request.
    r"via|from|forwarded|cdn-loop|x-(forwarded|original)-(for|server|by)|x-envoy-external-address|"
    r"(x-|true-|fastly-|x-cluster-|x-original-)?(real|client)-?ip|cf-(ray|connecting-ip|visitor|ew-via|worker)|"
    r"x-azure-(ref|clientip|socketip|fdid)|x-varnish|(x-)?(request|correlation|trace|transaction)-?id|"
    r"traceparent|tracestate|baggage|b3|x-b3-.*|uber-trace-id|sentry-trace|x-amzn-trace-id|x-amz-cf-id|"
    r"x-cloud-trace-context|x-datadog-.*|newrelic|x-newrelic-.*|x-ot-span-context"
)
"""Names of headers by which no origin varies a response without saying so in all others too: they are recorded only
if some Vary has named them, and a response that does not name them is that of the request."""
ADMITTING = re.compile(
    r"user-agent|referer|cookie|(proxy-)?authorization|sec-(fetch|ch-ua|websocket)(-.*)?|(sec-|x-)?purpose|"
    r"x-requested-with|upgrade|http2-settings|transfer-encoding|expect|content-(length|type|encoding)|"
    r"via|from|forwarded|cdn-loop|x-(forwarded|original)-(for|server|by)|x-envoy-external-address|"
    r"(x-|true-|fastly-|x-cluster-|x-original-)?(real|client)-?ip|"
    r"cf-(connecting-ip|visitor|ew-via|worker)|x-azure-(clientip|socketip)"
)
"""Those of ORDINARY by which a cache, or an origin, may refuse a request before it looks for a response: who asks, from
where, and for what page."""
MAX_VALUE_BYTES = 1024
"""Longest value of an unusual header that is recorded."""
MAX_RECORDED_BYTES = 64 * 1024
"""Of all recorded headers of one request: as many as the head of a request may have (http1_limits.py)."""
MAX_HEADERS = 64
"""Names of other headers that are recorded."""
OTHERS = "*"
"""Stands for the names of more headers than are recorded."""
MAX_UNUSUAL = 32
"""While fewer are recorded, headers are that are neither ordinary nor private nor named by any Vary."""
MAX_LEARNED_NAMES = 64
MAX_KNOWN_NAMES = 1000


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request as it was recorded. `withheld`: lower-case names of its headers that were not, perhaps with OTHERS."""

    request: http.Request
    withheld: frozenset[str]

    def has_all(self, names: Collection[str]) -> bool:
        """Whether it has each header of these lower-case names, as far as the request had it."""
        if UNKNOWN_VARY in names or not self.withheld.isdisjoint(names):
            return False
        # Those that are always recorded are never among OTHERS, nor is what was recorded.
        others = (name for name in names if name not in ALWAYS_RECORDED and name not in self.request.headers)
        return OTHERS not in self.withheld or not any(others)

    def has_all_unusual(self, names: Collection[str]) -> bool:
        """The same of the names that are always recorded, and of these, which are not ordinary."""
        return self.withheld.isdisjoint(ALWAYS_RECORDED) and (self.is_whole or self.has_all(names))

    @property
    def is_whole(self) -> bool:
        """Whether it has each header by which only the response to this request may vary."""
        return all(ORDINARY.fullmatch(name) for name in self.withheld)

    @property
    def is_admitted_alike(self) -> bool:
        """Whether it also has each header by which it may be refused: then a refusal of this request was, or would have
        been, one of that request too."""
        return self.is_whole and not any(ADMITTING.fullmatch(name) for name in self.withheld)


class RecordedHeaders:
    """Which request headers are recorded: ALWAYS_RECORDED, those that some Vary has named, and unusual ones."""

    def __init__(self) -> None:
        self._learned: dict[str, None] = {}
        # By name as it came: most requests have the same few.
        self._names: dict[bytes, tuple[bool, bool, bytes]] = {}

    def learn(self, names: Sequence[str]) -> None:
        """A response has named these in its Vary, in lower case. The latest MAX_LEARNED_NAMES are known."""
        if all(name in self._learned or name in ALWAYS_RECORDED for name in names):
            return
        self._names.clear()
        for name in names:
            if name not in ALWAYS_RECORDED and name != UNKNOWN_VARY and not PRIVATE.search(name):
                self._learned.pop(name, None)
                self._learned[name] = None
        while len(self._learned) > MAX_LEARNED_NAMES:
            del self._learned[next(iter(self._learned))]

    def _lower(self, name: bytes) -> tuple[bool, bool, bytes]:
        """Whether headers of this name are recorded, whether they are unusual, and the name in lower case."""
        found = self._names.get(name)
        if found is None:
            lower = name[:MAX_VALUE_BYTES].lower()
            text = _text(lower)
            unusual = not ORDINARY.fullmatch(text) and not PRIVATE.search(text)
            found = (text in ALWAYS_RECORDED or text in self._learned, unusual, lower)
            if len(self._names) >= MAX_KNOWN_NAMES:
                self._names.clear()
            self._names[name] = found
        return found

    def pack(self, request: http.Request) -> bytes:
        """The record of a request. Equal requests have equal records."""
        fields = request.headers.fields
        if "host" not in request.headers:  # HTTP/2 has it in :authority
            fields = ((b"host", request.data.authority), *fields)
        kept: list[bytes] = []
        size = 0
        withheld: dict[bytes, None] = {}
        for name, value in fields:
            is_recorded, is_unusual, lower = self._lower(name)
            fits = size + len(lower) + len(value) <= MAX_RECORDED_BYTES
            short = len(value) <= MAX_VALUE_BYTES and len(kept) < MAX_UNUSUAL
            unusual_fits = is_unusual and fits and short and lower not in withheld
            if unusual_fits or (is_recorded and (fits or lower == b"host")):
                kept.append(b"%b: %b" % (lower, _one_line(value)))
                size += len(kept[-1])
            # A client may send many headers to hide one: those that some response varies by are named all the same.
            elif is_recorded or lower in withheld or len(withheld) < MAX_HEADERS:
                withheld[lower] = None
            else:
                withheld[OTHERS.encode()] = None
        return b"\r\n".join((request.data.scheme, request.data.path or b"/", *kept, *withheld))

    def pack_again(self, record: bytes) -> bytes:
        """A record of another version of Edgeward, without what this one does not record.

        Raises:
            ValueError: it is damaged.
        """
        old = unpack(record)
        packed = self.pack(old.request)
        withheld = set(old.withheld)
        if len(withheld) >= MAX_HEADERS:  # earlier versions left out the others
            withheld.add(OTHERS)
        return b"\r\n".join((packed, *(name.encode("latin-1") for name in sorted(withheld))))


def unpack(record: bytes) -> RequestRecord:
    """Read a record. Raises ValueError if it is damaged."""
    scheme, path, *lines = record.split(b"\r\n")
    if scheme not in (b"http", b"https") or not path:
        raise ValueError("not the record of a request")
    request = http.Request.make("GET", "http://upstream/")
    request.data.scheme, request.data.path = scheme, path
    fields = [(name, value) for name, colon, value in (line.partition(b": ") for line in lines) if colon]
    request.headers = http.Headers(fields)
    return RequestRecord(request, frozenset(_text(line) for line in lines if b": " not in line and line))


def _text(name: bytes) -> str:
    return name.decode("latin-1")


def _one_line(value: bytes) -> bytes:
    """An obsolete line folding is as good as a space (RFC 9112, 5.2)."""
    if b"\n" not in value and b"\r" not in value:
        return value
    return b" ".join(value.split(b"\r\n")).replace(b"\n", b" ").replace(b"\r", b" ")
