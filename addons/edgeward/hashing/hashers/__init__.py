"""Hashers: isolated processes that only compute fingerprints.

worker          the process
warm_up         what it runs before it is isolated, so that nothing is left to load
warm_up_images  the pictures for that
hasher          the process as its parent sees it; its answers are checked
pool            several hashers: each is replaced when it ends, and waiting for one is limited
slow_sources    the hosts and clients whose images take long
"""
