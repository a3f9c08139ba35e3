"""What would be purged, as JSON. docs/api.md describes each key."""

from edgeward.api import serializers
from edgeward.api.serializers import Json
from edgeward.operations.purge_preview import PurgePreview


def purge_preview(value: PurgePreview) -> Json:
    return {
        "dry_run": True,
        "count": value.count,
        "at_least": value.at_least,
        "hosts": dict(value.hosts),
        "images": value.images,
        "targets": [serializers.target(each) for each in value.targets],
        "prefixes": [
            {"url": prefix.url if prefix.host else "", "forgotten": n} for prefix, n in value.forgotten.items()
        ],
        "unmatched": list(value.unmatched),
    }
