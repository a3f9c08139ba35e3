"""A Varnish with more in its VCL than the files of deploy/."""

from collections.abc import Callable

from edgeward.demo.caches import CacheServer, Varnish

INCLUDE = 'include "edgeward.vcl";'

type Cold = Callable[..., CacheServer]
"""Makes a cache of a class (fixture `cold`)."""


def started(cold: Cold, code: str = "") -> CacheServer:
    """A Varnish with this code below the include of edgeward.vcl."""

    class Changed(Varnish):
        def _command(self) -> list[str]:
            command = super()._command()
            vcl = self.directory / "default.vcl"
            vcl.write_text(vcl.read_text().replace(INCLUDE, f"{INCLUDE}\n{code}"))
            return command

    cache = cold(Changed)
    cache.start()
    return cache
