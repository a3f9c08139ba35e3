"""The origin check: asks origins for images that are being served, and purges those that they removed."""
