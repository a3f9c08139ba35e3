"""Values in files that all processes of a machine map into memory: exact and immutable.

segment_rows      values and references as arrays
segment_file      a file of arrays with checksums: whole or not there
bucket_sort       sorting in bounded memory
band_layout       which bits form a band, and how many bands there are
band_search       candidates by their bands, at the least cost for each query
row_scan          comparing rows
hamming_segment   values searched by Hamming distance
digest_segment    digests searched for equality
segment_writing   writing either
directory_lock    the right to write to a directory
"""
