"""Which images a classifier has had: each is classified once, by all workers on all machines together."""

from typing import Any

from edgeward.store.connection import Store


class Claims:
    """Claims of one version of one classifier. A claim expires after `keep_days`."""

    def __init__(self, store: Store, name: str, version: str, keep_days: float) -> None:
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._store = store
        self._classifier = (name, version)
        self._keep_ms = int(keep_days * 86_400_000)

    async def take(self, sha256: str) -> bool:
        """Claim an image. False: it was claimed before, even if it could not be classified then."""
        key = self._store.key("classified", *self._classifier, sha256)
        return bool(await self._redis.set(key, b"", px=self._keep_ms, nx=True))
