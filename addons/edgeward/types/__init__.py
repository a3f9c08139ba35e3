"""The words of the field as frozen types. Every other module speaks in these.

signal      one hash of an image: type, value, quality
fingerprint all signals of one image, or the flaw that kept some from being made
entry       one listed signal with its provenance
list        a named set of entries with its policy (`HashList`)
match       signal + entry + distance
verdict     deliver or block, with a reason
target      what a cache stores under
sighting    this target served this fingerprint then
purge order remove this target from the caches; durable until verified on each
outcome     what one cache node made of one order
incident    a block, a would-have-blocked or what a classifier wants reviewed: for people

Times are Unix seconds (float). Hash values are lower-case hexadecimal.
"""

from edgeward.types.choices import (
    ALWAYS,
    LASTING,
    PASSING,
    Action,
    Cause,
    Decision,
    Delivery,
    Flaw,
    Kind,
    Mode,
    Reason,
    Role,
    Scope,
    View,
)
from edgeward.types.signals import (
    DEFAULT_RADIUS,
    JOINT,
    JOINT_OF,
    MIN_PDQ_QUALITY,
    RATED,
    Entry,
    Fingerprint,
    HashList,
    Match,
    Signal,
    Verdict,
    entry_id,
)
from edgeward.types.takedown import (
    NOWHERE,
    Change,
    Incident,
    Outcome,
    PurgeOrder,
    Sighting,
    Target,
    image_tag,
)

__all__ = [
    "ALWAYS",
    "DEFAULT_RADIUS",
    "JOINT",
    "JOINT_OF",
    "LASTING",
    "MIN_PDQ_QUALITY",
    "NOWHERE",
    "PASSING",
    "RATED",
    "Action",
    "Cause",
    "Change",
    "Decision",
    "Delivery",
    "Entry",
    "Fingerprint",
    "Flaw",
    "HashList",
    "Incident",
    "Kind",
    "Match",
    "Mode",
    "Outcome",
    "PurgeOrder",
    "Reason",
    "Role",
    "Scope",
    "Sighting",
    "Signal",
    "Target",
    "Verdict",
    "View",
    "entry_id",
    "image_tag",
]
