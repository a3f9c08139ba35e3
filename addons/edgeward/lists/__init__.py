"""The lists and their entries: the original in Redis, a replica in every process, and the files of hashes.

list_store    reads and changes the lists in Redis
lua_scripts   the Lua scripts of list_store
replication/  the copy that every process matches against, and which version each has applied
formats/      files of hashes
audit_trail   notes who did what; audit_reader, removed_entries and list_diff read it
"""
