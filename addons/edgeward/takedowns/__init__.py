"""Takedowns: removals that a host, its software or a person asks for."""
