"""Images inside texts: SVG, and by setting HTML and CSS.

kinds        what a body is read as
data_uris    `data:` URIs in any text
svg          those of an SVG, safely parsed
embedded     text -> the images in it, and their signals added to its fingerprint
"""
