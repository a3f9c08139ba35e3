"""The tests of this folder use a real controller, on a machine that may stall."""

import pytest


@pytest.fixture(autouse=True)
def _patient(patient_answers: None) -> None:
    """Answers wait longer; see the fixture."""
