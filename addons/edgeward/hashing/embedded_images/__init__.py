"""Images inside texts: SVG, and by setting HTML and CSS.

markup_types  which texts are read, and how
data_uris     `data:` URIs in any text
svg           the places in an SVG where `data:` URIs can be, safely parsed
extraction    text -> the images in it; their signals added to its fingerprint
"""
