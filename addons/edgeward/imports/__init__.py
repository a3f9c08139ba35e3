"""Imports: files of hashes that are listed in the background."""
