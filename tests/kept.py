"""Hashers that outlive a test: to start one takes longer than what most tests do with it."""

from edgeward.hashing.hashers.pool import HasherPool


class KeptPool(HasherPool):
    """A real pool that whoever has it may start and close as they like: it starts once, and ends with `end`."""

    async def start(self) -> None:
        if not self._keepers:
            await super().start()

    async def close(self) -> None:
        """Others go on using it."""

    async def end(self) -> None:
        await super().close()
