"""The entries of a list that came in batches: rows in files that all processes of a machine share.

packed_rows     the rows of one bucket as bytes
batch_writer    the data of a new batch
batch_database  the data of a batch in a file
value_search    how values of a segment are searched
batch_files     the files of the batches of this machine
listed_rows     a bit for each row: whether it is listed
open_batch      a batch whose files are open
folding         which rows are listed by what batches say
provenance      the entries of rows
merged_segments which segments of several batches there are
merging         how they are made, and merge_files the process that does so
searched_segments which segments are searched
batch_index     what is listed of a list's batches, in this process
"""
