"""Fingerprint -> Verdict: exact Hamming search, lists and their precedence. No I/O, except for files of `batches`.

linear_scan        every value compared with every query
bands              candidates by one band of bits (multi-index hashing)
batch_search       many queries against many values, by bands or by scan
hamming            HammingIndex: values under keys, which change
band_rebuild       the thread that sorts an index's values by their bands
composite_index    the same index for `pdq-dhash`
append_only_index  values of millions of images, which are only added
distances          indexes for a signal type's own distance; the index for each type
list_index         the entries of one list
list_entries       all of them by id
time_slicing       long searches that let the event loop run
segments/          values in files that all processes of a machine share
batches/           the entries of large imports, in such files
matcher            all lists of this process, and the verdict
"""
