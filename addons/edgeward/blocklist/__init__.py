"""The lists and their entries: the truth in Redis, and a live copy of it in every process."""
