"""The entries of a list that came in batches: rows in files that all processes of a machine share.

packed_rows   the rows of one bucket as bytes
"""
