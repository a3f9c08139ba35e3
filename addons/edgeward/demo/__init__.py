"""The demonstration: a real origin, cache and Edgeward, played and checked. Tests start theirs here too."""
