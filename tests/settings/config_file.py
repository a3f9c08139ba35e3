"""A file of settings for a test."""

from pathlib import Path


def write_config(directory: Path, text: str) -> Path:
    """Write edgeward.toml into a directory and return its path."""
    path = directory / "edgeward.toml"
    path.write_text(text)
    return path
