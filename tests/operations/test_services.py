"""The objects that operations work on."""

from edgeward.operations.services import Services


async def test_the_caches_are_those_of_the_settings(services: Services) -> None:
    """Every configured cache owes a purge, by its name, in the order of the settings."""
    assert services.caches == ["inner", "outer"]
