"""The hasher process: it reads images from one socket and answers with their fingerprints.

    python -m edgeward.hashing.hashers.worker FD SETTINGS

It parses hostile bytes and may be taken over, so it has access to nothing (isolation/confinement.py). A request is a
HashRequest as JSON and the body; an answer is a Fingerprint as JSON.
"""

import sys
from typing import TYPE_CHECKING

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hash_request import HashRequest
from edgeward.hashing.hashers.warm_up import warm_up
from edgeward.isolation.plain_settings import plain_settings
from edgeward.isolation.serving import serve

if TYPE_CHECKING:
    from edgeward.settings.config import HashingSettings


def main(fd: int, settings: "HashingSettings") -> None:
    def answer(request: bytes, body: bytes) -> bytes:
        return fingerprint(body, settings, HashRequest.from_json(request)).to_json().encode()

    warm_up(settings)
    serve(fd, settings.memory_mb, answer)


if __name__ == "__main__":
    main(int(sys.argv[1]), plain_settings(sys.argv[2]))
