"""Sources: lists that come by themselves, from a path or a URL, on a schedule.

    source_states    what is known of each source, in the store, and which controller has it
    source_failure   why a pull failed
    configured_sources  the sources of the settings, and what fetches each
    source_client    an HTTP client that is bounded in time and bytes, and keeps credentials where they belong
    file_checks      the checksum and the signature of a file
    list_files       one file: fetched, checked, and told from the one before
    exchanges/       programmes whose own interface is pulled, page by page
    pull             one pull: what was fetched becomes an import
    source_worker    pulls each source when it is due, in one controller
    feedback         what staff have decided on an entry, for its programme
    feedback_queue   feedback that waits to be sent, in the store
    feedback_sender  sends that of one exchange
    feedback_requests  what people report becomes feedback
    source_reports   the sources for people: state, age, "pull now"

A source is pulled by one controller at a time, which has its lease. What it fetched is imported as any file is; until
that import has ended no other one of the source begins. The checkpoint moves on only after it. A pull that fails
changes nothing, and is tried again.
"""
