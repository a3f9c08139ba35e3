"""A store that a test may kill."""

from tests.store.conftest import server as server
