"""Fingerprint -> Verdict: exact Hamming search, lists and their precedence. No I/O."""
