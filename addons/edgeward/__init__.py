"""Edgeward keeps removed images from lingering at the edge."""

__version__ = "0.1.0"
