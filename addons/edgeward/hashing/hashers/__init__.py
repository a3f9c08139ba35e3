"""Hashers: isolated processes that do nothing but `fingerprint`.

worker       the process
warm_up      what it does before it is locked up, so that nothing is left to load (trials: the pictures for it)
hasher       it as its parent sees it; its answers are checked
pool         several of them, always replaced, never waited for too long
"""
