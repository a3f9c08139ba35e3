"""The admin API and the controller process: the only room that imports aiohttp.web.

    server    the controller: composes the store, the live lists, purging and the API, and runs them until told to stop
    app       every route in one table, with the role that each one needs
    auth      tokens, kept as digests in the store; roles; the token that commands on the same machine use
    problems  every error as an RFC 9457 problem document
    bodies    what a request may hold: bounded reading, one model each
    views     what an answer looks like
    receipts  the proof of a takedown or a listing; receipt_page is the same to read and to print
    webhooks  takedowns by signed requests
    settled   waiting until a change acts everywhere, and until what it listed is gone from the caches
    importer  the worker that lists what imports hold
    services  what the handlers work with
    images    images that are sent in: hashed in an isolated process, and dropped
    door      the file that tells commands on the same machine where the API is

One module per noun holds its handlers: lists, entries, imports, jobs, check, purges, takedowns, sightings, incidents,
status, tokens, health.
"""
