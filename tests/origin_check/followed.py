"""A sweeper and the targets it follows, at a scripted origin, in a namespace of its own."""

import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.origin_check.scripted_origin import HANGS, RESETS, ScriptedOrigin, http, scripted_origin, step
from tests.scenarios.pictures import picture

from edgeward.hashing.fingerprint import fingerprint
from edgeward.hashing.hashers.pool import HasherPool
from edgeward.origin_check.picture_comparison import Likeness
from edgeward.origin_check.queue import ServedTarget, sweep_queue
from edgeward.origin_check.sweeper import Sweeper
from edgeward.purging.orders import Orders
from edgeward.settings.config import Config, HashingSettings
from edgeward.sightings.sightings import Sightings
from edgeward.store.connection import Store
from edgeward.types import Sighting, Target

BODY, OTHER = picture(1), picture(2)
MADE = fingerprint(BODY, HashingSettings())
SAME = http(200, BODY, 'ETag: "x"')
REFUSED = b"refused"
ANSWERS = {
    "same": SAME,
    "another image": http(200, OTHER),
    "page": http(200, b"<html>back soon</html>", "Content-Type: text/html"),
    "empty": http(200),
    "coded": http(200, BODY, "Content-Encoding: gzip"),
    "204": http(204),
    "206": http(206, BODY[:10]),
    "304": http(304),
    "moved to an image": http(301, b"", "Location: /elsewhere/b.jpg"),
    "found an image": http(302, b"", "Location: https://cdn.test/b.jpg"),
    "log in": http(302, b"", "Location: https://sso.host.test/login?next=/a.jpg"),
    "no location": http(302),
    "bad location": http(302, b"", "Location: http://["),
    **{str(status): http(status) for status in (400, 401, 402, 403, 404, 405, 410, 418, 429, 451, 500, 502, 503, 504)},
    "time-out": HANGS,
    "reset": RESETS,
    "closed": REFUSED,
    "not HTTP": b"220 mail ready\r\n\r\n",
    "too large": http(200, b"x" * 2_000_000),
}
TARGET = Target("http", "img.test", "/a.jpg")
SERVED = ServedTarget(TARGET, MADE.sha256[:32], 0.0)
REMOVAL = ("404", "410", "451")
HANGS_TIMEOUT_MS, PATIENT_TIMEOUT_MS = 300, 60_000
NAMESPACES = itertools.count()


class Followed:
    """A sweeper and one followed target."""

    def __init__(self, store: Store, config: Config, pool: HasherPool, origin: ScriptedOrigin) -> None:
        self.store, self.origin = store, origin
        self.queue, self.orders = sweep_queue(config, store), Orders(store)
        self.sightings = Sightings(store, config.sightings)
        self.sweeper = Sweeper(config, self.queue, self.sightings, self.orders, pool)

    async def serve(self, target: Target = TARGET) -> None:
        await self.queue.report([ServedTarget(target, MADE.sha256[:32], time.time())], 100)

    async def answer(self, name: str) -> None:
        """Give this answer to the next check, once the target is due."""
        if ANSWERS[name] == REFUSED:
            await self.origin.close()
        else:
            self.origin.answer = ANSWERS[name]
        # Every answer on a new connection: one that is kept would be reset by the origin, and tried again. Only what
        # never comes is not waited for: any other answer may be late on a busy machine.
        for origin in self.sweeper._origins.values():
            assert origin
            origin.close()
        self.sweeper._origins.clear()
        timeout_ms = HANGS_TIMEOUT_MS if ANSWERS[name] == HANGS else PATIENT_TIMEOUT_MS
        self.sweeper._settings = self.sweeper._settings.model_copy(update={"timeout_ms": timeout_ms})
        await step(self.sweeper)
        if ANSWERS[name] == REFUSED:
            await self.origin.open()

    async def times(self) -> int:
        """In how many of the two keys the target is."""
        redis: Any = self.store.redis
        keys = (self.store.key("{sweep}", name) for name in (f"queue:{SERVED.target.host}", "later"))
        return sum([await redis.zscore(key, SERVED.pack()) is not None for key in keys])

    async def ordered(self) -> int:
        return len(await self.orders.recent())


@asynccontextmanager
async def followed(url: str, placement: str, **sweep: Any) -> AsyncIterator[Followed]:
    """A sweeper in a namespace of its own, that is asked for one target of an origin."""
    async with scripted_origin() as origin:
        origin_url = f"http://127.0.0.1:{origin.port}"
        config = Config.model_validate(
            {
                "proxy": {"placement": placement, "upstream": origin_url},
                "hosts": [{"name": "*", "origin": origin_url}],
                "sweep": {"per_second": 1000.0, "timeout_ms": PATIENT_TIMEOUT_MS, **sweep},
                "hashing": {"max_bytes": 1_000_000},
            }
        )
        store = await Store.connect(url, f"next{next(NAMESPACES)}")
        pool = HasherPool(HashingSettings(processes=1, timeout_ms=60_000))
        one = Followed(store, config, pool, origin)
        one.sweeper._judge._pictures.compare = _is_another_picture  # type: ignore[method-assign]
        await one.sightings.write([Sighting(TARGET, MADE, time.time(), 0)])
        yield one
        await one.sweeper.close()
        await store.close()


async def _is_another_picture(*_: object) -> Likeness:
    """In place of the hashers: they are not the subject here."""
    return Likeness.OTHER
