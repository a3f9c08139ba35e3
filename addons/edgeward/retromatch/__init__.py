"""Retromatching: matches each list change against all images seen before, and purges those now listed."""
