"""Copies of the lists in every process.

replica          a copy that loads the lists, follows their changes and reports the version that it has applied
matcher_updates  writes lists, entries and changes into the matcher of a replica
stream_reader    reads the changes, and what else a replica follows
batch_updates    lets the batches of lists act in its matcher
batch_merging    lets it search merged segments
batch_verification  compares the segments that it searches with their checksums
unused_batch_files  removes files of batches that are not in use any more
batch_preparation  gets their files ready on this machine
applied_version  holds a version back until it may be reported
membership       which replicas are alive, and what each has reported
store_loss       whether the store still has what this process, or this machine, knew
known_members    which replicas this machine knew: a restored store may not
state_file       a small file in state_dir that all processes of a machine share
refill           restores what the store lost from the memory of a process
"""
