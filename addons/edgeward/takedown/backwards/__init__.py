"""Matching backwards: what was served before it was listed."""
