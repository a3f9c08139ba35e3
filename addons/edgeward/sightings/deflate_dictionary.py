"""The preset dictionary for deflate: common values of the request headers that images vary by.

Deflate encodes matches near the end of the dictionary shortest, so the most common values come last. The dictionary
must never change: the store holds data that was deflated with it. Names and values are separated by NUL, as in
codec.py.
"""

_AGENT = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
_PAIRS = (
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-mobile", "?1"),
    ("sec-ch-ua-platform", '"Windows"'),
    ("viewport-width", "1920"),
    ("width", "800"),
    ("dpr", "1.5"),
    ("dpr", "2"),
    ("save-data", "on"),
    ("x-forwarded-proto", "https"),
    ("x-requested-with", "XMLHttpRequest"),
    ("cookie", ""),
    ("authorization", ""),
    ("referer", "https://www."),
    ("origin", "https://www."),
    ("accept-language", "de-DE,de;q=0.9,en;q=0.8"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("accept-language", "en-US,en;q=0.9"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"),
    (
        "user-agent",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/18.0 Mobile/15E148 Safari/604.1",
    ),
    ("user-agent", _AGENT.format("Linux; Android 10; K")),
    ("user-agent", _AGENT.format("Macintosh; Intel Mac OS X 10_15_7")),
    ("user-agent", _AGENT.format("Windows NT 10.0; Win64; x64")),
    ("accept-encoding", "identity"),
    ("accept-encoding", "gzip"),
    ("accept-encoding", "gzip, deflate"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept", "*/*"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (
        "accept",
        "image/webp,image/avif,image/jxl,image/heic,image/heic-sequence,video/*;q=0.8,image/png,image/svg+xml,"
        "image/*;q=0.8,*/*;q=0.5",
    ),
    ("accept", "image/webp,*/*"),
    ("accept", "image/avif,image/webp,*/*"),
    ("accept", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"),
    ("accept", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"),
)
BROWSER_HEADERS = b"\0".join(part.encode() for pair in _PAIRS for part in pair)
