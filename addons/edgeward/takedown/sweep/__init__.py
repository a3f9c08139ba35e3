"""Following the origin: what is being served is re-checked there, and what the origin removed is purged here."""
