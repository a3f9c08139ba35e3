"""The proxy: every response passes the gate, and every path through the gate ends in a counted verdict.

In the order in which a response body meets them:

    addon                      the gate in `mitmdump -s`; `edgeward run` uses server.py instead
    client_connection          a client's connection, whose hooks go straight to the gate
    stream                     mitmproxy's HTTP stream: sniffs the first bytes of a body, and limits what is buffered
    body_sniffing              which bodies must be judged, told by their first bytes
    gate                       the mitmproxy addon: one verdict for every flow, whatever happens
    flow_state                 what the gate knows of one flow
    judge                      a body -> its fingerprint -> a verdict
    head_and_partial_responses responses without a full body (HEAD, 204, 206, 304)
    verdict_actions            what follows from a verdict
    recorder                   sightings, purge orders and incidents, on their way to the store
    pages                      451 and the other refusals

Beside them:

    target_cache               which target last served which image
    packed_lru                 a bounded cache that the garbage collector does not notice
    refetch                    fetches a full response from the upstream
    unjudged_requests          sends requests again whose response was not judged
    journal                    requests under way, in a file, for the worker that comes after a killed one
    runtime                    a worker's parts put together
    server                     a small mitmproxy Master on a shared port, and its graceful end

The only room that imports mitmproxy.
"""
