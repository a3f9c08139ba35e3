"""`edgeward doctor`: checks what the guarantees depend on, and says in plain words what to fix."""
