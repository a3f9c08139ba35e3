"""Batches in the store: many entries of a list that are added, or taken off, in one step (types/batches.py).

batch_scripts   the Lua scripts
batch_store     BatchStore: the batches of each list
batch_data      their rows
announcements   tells every process of a batch before it is committed
"""
