"""Which images a classifier has looked at: over all workers and machines each is looked at once."""

from typing import Any

from edgeward.store.connection import Store


class Claims:
    """Of one version of one classifier. An image is forgotten `keep_days` after it was claimed."""

    def __init__(self, store: Store, name: str, version: str, keep_days: float) -> None:
        # Any: redis-py's types allow for decoded answers too; ours are bytes.
        self._redis: Any = store.redis
        self._store = store
        self._of = (name, version)
        self._keep = int(keep_days * 86_400_000)

    async def take(self, sha256: str) -> bool:
        """Whether the image is the caller's to look at; no other gets it then, whatever comes of it."""
        key = self._store.key("classified", *self._of, sha256)
        return bool(await self._redis.set(key, b"", px=self._keep, nx=True))
