"""Purge orders: placed, carried out at each cache, recorded, repeated."""
