"""The admin API: HTTP and JSON in front of `operations`.

A handler parses its request, calls an operation and serializes the result. Where all that is asked for is a read of
records without a rule to it (entries of a list, sightings, incidents, tokens), it asks the store in `Services` itself.

    routes           every route in one table, with the role that each requires
    context          the services of the application and the caller of a request
    authentication   the token of a request
    requests         bodies and queries: read up to a limit, one model each
    serializers      results as JSON
    problem_details  every error as an RFC 9457 problem document
    webhooks         takedowns by signed requests
    images           requests whose body is an image
    receipt_page     a receipt as a page of HTML; receipts chooses it or JSON

All other modules hold the handlers of the noun that they are named after.
"""
