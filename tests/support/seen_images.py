"""Images without pixels that services have seen."""

import hashlib
import time

from tests.support.eventually import eventually

from edgeward.operations.services import Services
from edgeward.types import Fingerprint, Sighting, Signal, Target

DAY_SECONDS = 86400.0


def seen_image(number: int, pdq: str = "") -> Fingerprint:
    """An image whose MD5 is this number."""
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    signals = [Signal("sha256", sha256), md5(number)]
    return Fingerprint(sha256, "image/jpeg", 9, (*signals, *([Signal("pdq", pdq, 100)] if pdq else [])))


def md5(number: int) -> Signal:
    """The MD5 of the image of this number."""
    return Signal("md5", f"{number:032x}")


async def see(
    services: Services, *images: Fingerprint, targets: int = 1, days_ago: float = 0.0, host: str = "photos.example"
) -> None:
    """Record that each image was served at so many targets, and wait until the index of images seen has them all."""
    at = time.time() - days_ago * DAY_SECONDS
    await services.sightings.write(
        [
            Sighting(Target("http", host, f"/{each.sha256}/{number}"), each, at, 0)
            for each in images
            for number in range(targets)
        ]
    )

    async def is_known() -> bool:
        if not services.retromatch.ready:
            return False
        near = await services.retromatch.near(images[-1].signals[1], 0)
        return any(each.sha256 == images[-1].sha256 for each in near)

    await eventually(is_known)
