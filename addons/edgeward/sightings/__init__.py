"""Sightings: which images were served where, in a compact form, found by image or by any equivalent URL."""
