"""Use cases: everything that can be asked of a controller, as functions with typed results.

The admin API stands on these; so can any other front end. Nothing here knows HTTP or JSON. Each use case takes
the services first. The rules about what can be asked for are here too: they raise `InvalidValue`, which names the
value. Records that have no rules (incidents, tokens) are read from their stores, which `Services` holds.

One module for each noun (`lists`, `entries`, `imports`, `check`, `purges`, `takedowns`, `receipts`, `sightings`,
`status`), and:

    removals       takes entries off a list, by what they have in common
    entry_search   finds entries on all lists
    export         writes a list as a file
    list_history   what each act did to a list; list_versions: what differs between two versions
    purge_preview  what a purge or takedown would order
    matchability   which signals match nothing
    store          refills a store that lost its lists
    store_watch    whether the store may drop lists, and takes changes
    old_records    forgets what is old, and does not expire
    services       the objects that the functions work on
    waiting        waits until a change is active everywhere, and until caches have carried out what followed from it
    image_hashing  hashes an image that was sent in
    urls           the targets that URLs name
"""
