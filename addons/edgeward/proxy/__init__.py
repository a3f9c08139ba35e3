"""The proxy: every response passes the gate, and every path through the gate ends in a verdict.

    gate        the mitmproxy addon: one verdict for every flow, whatever happens
    passage     what the gate knows of one flow on its way
    judge       a body, or the lack of one -> verdict
    memory      which target last served which image
    kept        what is remembered for long, out of the garbage collector's way
    refetch     a whole fetch, to judge a partial or bodiless response
    candidate   which bodies must be judged, told by their first bytes
    connection  clients' connections, whose hooks go straight to the gate
    stream      mitmproxy's HTTP stream with a look at the first bytes, and bounded buffers
    pages       451 and the other refusals
    runtime     a worker's parts put together
    server      a lean mitmproxy Master on a shared port, and its graceful end

The only room that imports mitmproxy.
"""
