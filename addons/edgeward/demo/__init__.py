"""The demonstration: a real origin, real caches and Edgeward, started on free ports and checked. Tests use them too.

photos       harmless photographs that PDQ can tell apart
origin       an HTTP origin that serves them
caches/      real caches: Varnish, nginx, Squid, Traffic Server
edge         a running `edgeward run`
stack        all of these, connected in one placement
http_client  requests to any of them
checks       the demonstration: what is done and what must hold
report       which checks passed, and how long each took
"""
