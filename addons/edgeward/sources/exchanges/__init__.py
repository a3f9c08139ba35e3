"""Exchanges: programmes whose own interface is pulled, page by page.

    programme        what all of them have in common: pages, and what is wrong with one
    exchange_fetcher all pages since the checkpoint, as one file; what can't be read is a gap, which is tried again
    ncmec stopncii threatexchange tat   the interfaces of the programmes

The pages are imported by the formats of lists/formats/, with all that is in them. Meta's library `threatexchange` has
clients for the same interfaces; they are not used, as they leave out what they do not know (image MD5 and SHA-1 of
NCMEC, records of StopNCII that they can't convert), write hashes into logs, and give NCMEC local times as UTC.
"""
