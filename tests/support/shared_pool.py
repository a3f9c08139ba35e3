"""Hashers that several tests use: starting one takes longer than most tests."""

from edgeward.hashing.hashers.pool import HasherPool


class SharedPool(HasherPool):
    """A real pool for several users. It starts with the first `start`, ignores `close`, and ends with `end`."""

    started = False

    async def start(self) -> None:
        if not self.started:
            self.started = True
            await super().start()

    async def close(self) -> None:
        """Ignored: others use it."""

    async def end(self) -> None:
        await super().close()
