"""Request targets that clients and libraries normalize, and caches do not."""

UNUSUAL_PATHS = [b"/s/%7Ea", b"/s/~a", b"/s/a%2Fb", b"/s/a%2fb", b"//s//a", b"/s/a?", b"/s/a", b"/s/./a",
                 b"/s/\xe9.png", b"/s/%C3%A9", b"/s/a?x=%41&y", b"/s/a?b#c", b"/s/" + b"a" * 8000]  # fmt: skip
