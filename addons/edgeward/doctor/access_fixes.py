"""How to let Edgeward purge a cache, and no one else: words for each kind of cache and CDN."""

from collections.abc import Mapping

from edgeward.caches import CacheDriver
from edgeward.caches.cdn_driver import CdnDriver

FIXES: Mapping[str, str] = {
    "varnish": "include deploy/varnish/edgeward.vcl, with this machine in the acl edgeward_purgers and the same secret "
    '(docs/deployment.md, "An existing Varnish")',
    "nginx": "include deploy/nginx/edgeward-cache.conf, point `url` at its purge listener, and use the same secret "
    '(docs/deployment.md, "nginx as the cache")',
    "nginx-plus": "set proxy_cache_purge in each cached location, with this machine in the geo that allows PURGE, "
    'and point `url` at the address of that content (docs/deployment.md, "nginx Plus as the cache")',
    "squid": "copy the acl lines of deploy/squid/squid.conf, with this machine and the same secret "
    '(docs/deployment.md, "Squid as the cache")',
    "trafficserver": "copy deploy/trafficserver/ip_allow.yaml, with this machine in it "
    '(docs/deployment.md, "Traffic Server as the cache")',
    "souin": "turn on its API, and give its address in `url` and its path in `api_path` "
    '(docs/deployment.md, "Souin or Caddy as the cache")',
    "generic": "compare method, path, headers, body and accepted of this cache with what its purge interface expects "
    '(docs/deployment.md, "A CDN in front")',
}
"""By driver, for caches that are set up by their operator."""
_CDN = (
    'check {credentials}, what these credentials may do, and {resource} (docs/deployment.md, "A CDN in front", says '
    "what the token needs)"
)


def fix_of(driver: type[CacheDriver]) -> str:
    """What to do if this kind of cache refuses purges, in the words of its own settings."""
    if driver.name in FIXES:
        return FIXES[driver.name]
    assert issubclass(driver, CdnDriver)
    return _CDN.format(credentials=driver.credential_settings, resource=driver.resource_settings)
