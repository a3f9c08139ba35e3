"""What would be purged, as JSON."""

from edgeward.api.preview_serializers import purge_preview
from edgeward.operations.purge_preview import PurgePreview
from edgeward.types import Target


def test_hosts_targets_and_prefixes_are_shown() -> None:
    """A prefix without a host is every host: ""."""
    target = Target("http", "h", "/a?b", (("accept", "image/webp"),))
    everywhere, below = Target("http", "", "/"), Target("http", "h", "/u/")
    shown = purge_preview(PurgePreview([target], 7, {"h": 7}, {below: 0, everywhere: 3}, 2, ["http://x/"], True))
    assert shown == {
        "dry_run": True,
        "count": 7,
        "at_least": True,
        "hosts": {"h": 7},
        "images": 2,
        "targets": [{"url": "http://h/a?b", "vary": {"accept": "image/webp"}}],
        "prefixes": [{"url": "http://h/u/", "forgotten": 0}, {"url": "", "forgotten": 3}],
        "unmatched": ["http://x/"],
    }
