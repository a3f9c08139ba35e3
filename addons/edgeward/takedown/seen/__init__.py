"""What was served where, kept small: images, their targets, and every spelling of a URL."""
