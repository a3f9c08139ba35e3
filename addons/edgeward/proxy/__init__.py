"""The proxy: every response passes the gate, and every path through the gate ends in a counted verdict.

In the order in which a response body meets them:

    addon                      the gate in `mitmdump -s`; `edgeward run` uses server.py instead
    client_connection          a client's connection, whose hooks go straight to the gate
    http1_limits               what an HTTP/1 connection may keep, and small chunks joined
    stream                     mitmproxy's HTTP stream: sniffs the first bytes of a body, and limits what is buffered
    body_sniffing              which bodies must be judged, told by their first bytes
    gate                       the mitmproxy addon: one verdict for every flow, whatever happens
    flow_state                 what the gate knows of one flow
    judge                      a body -> its fingerprint -> a verdict
    head_and_partial_responses responses without a full body (HEAD, 204, 206, 304)
    verdict_actions            what follows from a verdict
    recorder                   sightings, purge orders and incidents, on their way to the store
    match_rate                 matches of one entry within a minute, for the metrics
    pages                      451 and the other refusals
    upstream_log               logs an upstream that can't be reached

Beside them:

    body_memory                the memory for the bodies in hand
    failed_images              images that hashers failed on, and are not tried again yet
    target_cache               which target last served which image
    packed_lru                 a bounded cache that the garbage collector does not notice
    refetch                    fetches a full response from the upstream
    unjudged_requests          which requests are sent again, since their response was not judged
    waiting_requests           those of them that wait, and which of them makes room for another
    newest_first_queue         hosts and clients take turns, new requests go first
    retry_places               how many are sent at the same time, and of whom
    request_repeater           sends one again, and judges and records its response
    slow_bodies                waits for responses that come slowly
    late_requests              what nobody answered in time, asked for once more
    open_requests              the numbers of all of these, and which are pending
    unanswered                 what a request that nobody has answered means, by placement and caches
    answer_watch               which requests nobody answers
    upstream_contact           whether the upstream is up
    settling                   waits until requests are judged, purged, or known not to be in any cache
    unjudged_purges            purges of what nobody could judge, within an allowance
    request_record             what is recorded of a request
    host_vary                  which request headers the responses of a host vary by
    journal                    requests under way, in a file, for the worker that comes after a killed one
    runtime                    a worker's parts put together
    server                     a small mitmproxy Master on a shared port, and its graceful end
    mitmproxy_addons           the two addons of mitmproxy that it uses, imported without all others

The only room that imports mitmproxy.
"""
