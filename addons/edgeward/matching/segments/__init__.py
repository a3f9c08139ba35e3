"""The values of a list in files that all processes of a machine map into memory: exact, immutable, compacted aside.

segment_rows      values, references and changes as arrays
segment_file      a file of arrays with checksums: whole or not there
bucket_sort       sorting in bounded memory
band_layout       which bits form a band, and how many bands there are
band_search       candidates by their bands, at the least cost for each query
row_scan          comparing rows
hamming_segment   values searched by Hamming distance
digest_segment    digests searched for equality
removed_rows      which rows of a segment are removed
recent_changes    changes that are in no segment yet
manifest          which files are live, and the version of the lists that they hold
segment_set       SegmentSet: segments and recent changes as one
compaction        recent changes and small segments become one larger segment
"""
