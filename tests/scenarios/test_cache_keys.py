"""A cache whose key has more in it than purges: what a listing says, and what clients get afterwards."""

from pathlib import Path

import pytest
from tests.scenarios.told_caches import HOST, Cold, running_with, section
from tests.support.changed_varnish import started
from tests.support.controllers import photo

from edgeward.demo.http_client import ask

BY_SCHEME = "sub vcl_hash { hash_data(req.http.X-Forwarded-Proto); }"


def test_a_copy_under_another_key_is_purged_and_never_called_gone(
    redis_url: str, tmp_path: Path, cold: Cold, capsys: pytest.CaptureFixture[str]
) -> None:
    """The purge meets nothing where an image was just seen. It is sent as https clients ask; and as there may be more
    such keys, the listing ends with status 1 and names the cache, the header and what to do."""
    cache = started(cold, BY_SCHEME)
    address = f"{cache.address[0]}:{cache.address[1]}"

    def status_of_cache() -> str:
        headers = {"Host": HOST, "Accept": "*/*", "X-Forwarded-Proto": "https"}
        return dict(ask(address, "/seen.jpg", headers=headers).headers)["X-Cache"]

    status_of_cache()
    assert status_of_cache() == "HIT"
    picture = tmp_path / "seen.jpg"
    picture.write_bytes(photo("chelsea"))
    with running_with(redis_url, tmp_path, capsys, section(cache)) as running:
        running.see("/seen.jpg", photo("chelsea"))
        running.api.post("/lists", {"name": "court"})
        status, printed = running.command("add", "court", "--image", str(picture), "--wait")
        assert status == 1, printed
        assert "stores copies under keys that purges do not have" in printed
        assert "x-forwarded-proto" in printed
        assert "gone" not in printed.replace("not known to be gone", "").replace("not gone", "")
        assert status_of_cache() == "MISS"
