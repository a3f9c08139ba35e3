"""The hasher: an isolated process that does nothing but `fingerprint` what comes in over one socket.

    python -m edgeward.hashing.hashers.worker FD SETTINGS

It parses hostile bytes and may be taken over, so it owns nothing (confinement.py). It is asked by a HashRequest and
answers with a Fingerprint, both as JSON.
"""

import sys

from edgeward.config import HashingSettings
from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hashers.warm_up import warm_up
from edgeward.hashing.request import HashRequest
from edgeward.isolation.serving import serve


def main(fd: int, settings: HashingSettings) -> None:
    def answer(question: bytes, body: bytes) -> bytes:
        return fingerprint(body, settings, HashRequest.from_json(question)).to_json().encode()

    warm_up(settings)
    serve(fd, settings.memory_mb, settings.timeout_ms / 1000, answer)


if __name__ == "__main__":
    main(int(sys.argv[1]), HashingSettings.model_validate_json(sys.argv[2]))
