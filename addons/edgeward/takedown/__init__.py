"""What was served where, and how it is taken out of the caches again."""
