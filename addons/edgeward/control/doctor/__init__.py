"""`edgeward doctor`: tries out what the rest relies on, and says in plain words what to mend."""
