"""The query of an import."""

import pytest
from pydantic import ValidationError

from edgeward.api.import_queries import ImportQuery


def test_a_source_has_a_name() -> None:
    """Without one it is the usual one; one that no settings could have is refused."""
    assert ImportQuery.model_validate({"sync": "true"}).source == "sync"
    assert ImportQuery.model_validate({"source": "ncmec-1"}).source == "ncmec-1"
    with pytest.raises(ValidationError, match="source"):
        ImportQuery.model_validate({"source": "two words"})
