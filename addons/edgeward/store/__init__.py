"""The connection to Redis or Valkey: one server, a Sentinel set or a cluster; the embedded server.

    connection       the Store: namespace, commands, scripts, durable changes
    store_address    parses store.url
    clients          makes the client for an address
    server           the client of one server
    sentinel         the client of a Sentinel set
    cluster          the client of a cluster
    lease_clock      by which leases end, whatever happens to the server's clock
    condition        what is wrong with a server, by its INFO
    lost_connection  a closed connection is an error that is retried
    probe            finds out why a store does not work
    embedded         starts a server of our own

The only room that imports redis.
"""
