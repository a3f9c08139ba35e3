"""The domain types of Edgeward, all frozen. Every other module uses these words in these meanings.

signal      one hash of an image: type, value, quality
fingerprint all signals of one image, with the flaw that explains missing ones
entry       one listed signal with its provenance
list        a named set of entries with its policy (`HashList`)
match       signal + entry + distance
verdict     deliver or block, with a reason
target      what a cache stores a response under: URL and varying request headers
sighting    a target served an image with this fingerprint at this time
purge order remove a target from every cache; kept in the store until each cache has done it
outcome     the result of one order at one cache node
batch       many entries of one list that are added, or taken off, in one step
incident    a record for people: a block, a match in monitor mode, or an image that a classifier wants reviewed

Times are Unix seconds (float). Hash values are lower-case hexadecimal.
"""

from edgeward.types.batches import Batch, Part, RowRef
from edgeward.types.choices import (
    ALWAYS_MATCHED,
    FINAL_IMPORT_STATES,
    PERMANENT_FLAWS,
    TRANSIENT_FLAWS,
    Action,
    Cause,
    Decision,
    Delivery,
    Flaw,
    ImportState,
    ListKind,
    Met,
    Mode,
    Reason,
    Role,
    Scope,
    View,
)
from edgeward.types.later_releases import Unreadable
from edgeward.types.records import (
    NO_TARGET,
    UNKNOWN_KEY_HEADERS,
    UNKNOWN_VARY,
    Change,
    Incident,
    Outcome,
    PurgeOrder,
    Sighting,
    Target,
    distinct_targets,
    image_tag,
    placed_at,
    target_key,
)
from edgeward.types.signals import (
    COMPONENTS_OF_COMPOSITE,
    COMPOSITE_TYPE,
    DEFAULT_RADIUS,
    MIN_PDQ_QUALITY,
    TYPES_WITH_QUALITY,
    Entry,
    Fingerprint,
    HashList,
    Match,
    Signal,
    Verdict,
    entry_id,
)

__all__ = [
    "ALWAYS_MATCHED",
    "COMPONENTS_OF_COMPOSITE",
    "COMPOSITE_TYPE",
    "DEFAULT_RADIUS",
    "FINAL_IMPORT_STATES",
    "MIN_PDQ_QUALITY",
    "NO_TARGET",
    "PERMANENT_FLAWS",
    "TRANSIENT_FLAWS",
    "TYPES_WITH_QUALITY",
    "UNKNOWN_KEY_HEADERS",
    "UNKNOWN_VARY",
    "Action",
    "Batch",
    "Cause",
    "Change",
    "Decision",
    "Delivery",
    "Entry",
    "Fingerprint",
    "Flaw",
    "HashList",
    "ImportState",
    "Incident",
    "ListKind",
    "Match",
    "Met",
    "Mode",
    "Outcome",
    "Part",
    "PurgeOrder",
    "Reason",
    "Role",
    "RowRef",
    "Scope",
    "Sighting",
    "Signal",
    "Target",
    "Unreadable",
    "Verdict",
    "View",
    "distinct_targets",
    "entry_id",
    "image_tag",
    "placed_at",
    "target_key",
]
