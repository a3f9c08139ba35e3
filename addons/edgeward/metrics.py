"""Every metric that Edgeward exports, in one table: name, unit, labels, meaning.

No label ever carries a URL, a hash or a client address. All processes of a machine write into the directory that
PROMETHEUS_MULTIPROC_DIR names (the supervisor sets it before it starts them); `exposition` adds them up.
"""

import os
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess

registry = CollectorRegistry()

_FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_LINGER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400)

responses = Counter(
    "edgeward_responses_total",
    "Responses by verdict (deliver, block) and the reason for it. Every path through the proxy ends here.",
    ["verdict", "reason"],
    registry=registry,
)
response_seconds = Histogram(
    "edgeward_response_seconds",
    "Time from a complete response of the upstream to its verdict, in seconds.",
    buckets=_FAST,
    registry=registry,
)
hash_seconds = Histogram(
    "edgeward_hash_seconds",
    "Time to decode and hash one new image, queueing included, in seconds.",
    buckets=_FAST,
    registry=registry,
)
match_seconds = Histogram(
    "edgeward_match_seconds",
    "Time to match one fingerprint against all lists, in seconds.",
    buckets=_FAST,
    registry=registry,
)
fingerprint_cache = Counter(
    "edgeward_fingerprint_lookups_total",
    "Where a body's fingerprint came from: memory, store, or hashed anew.",
    ["source"],
    registry=registry,
)
refetches = Counter(
    "edgeward_refetches_total",
    "Whole fetches made to judge a partial or bodiless response (206, 304), by result: image, not_image, failed.",
    ["result"],
    registry=registry,
)
hasher_restarts = Counter(
    "edgeward_hasher_restarts_total",
    "Hasher processes that ended and were replaced, by cause: crashed, timeout. A rise means hostile images.",
    ["cause"],
    registry=registry,
)
hasher_isolation = Gauge(
    "edgeward_hasher_isolation",
    "1 where the hashers of every process here are isolated by a layer (no_new_privs, landlock, seccomp), 0 where not.",
    ["layer"],
    registry=registry,
    multiprocess_mode="livemin",
)
classified = Counter(
    "edgeward_classified_total",
    "Images of the sample by classifier and result: labelled (an incident), unlabelled, dropped (no room), failed.",
    ["classifier", "result"],
    registry=registry,
)
classifier_seconds = Histogram(
    "edgeward_classifier_seconds",
    "Time in which a classifier answered for one image, in seconds. No request waits for it.",
    ["classifier"],
    buckets=_FAST,
    registry=registry,
)
process_starts = Counter(
    "edgeward_process_starts_total",
    "Starts of an Edgeward process by role (proxy, controller). More than one each means restarts.",
    ["role"],
    registry=registry,
)
gate_errors = Counter(
    "edgeward_gate_errors_total",
    "Defects that were caught, by place: a hook of the gate, or a task (retro, purger). Must not rise: see the log.",
    ["hook"],
    registry=registry,
)
blocklist_entries = Gauge(
    "edgeward_blocklist_entries",
    "Entries per list and signal type, as this machine has them loaded.",
    ["list", "signal"],
    registry=registry,
    multiprocess_mode="livemostrecent",
)
not_matchable_entries = Gauge(
    "edgeward_blocklist_not_matchable_entries",
    "Entries per list and signal type that match nothing: images are given no such signal (hashing.signals).",
    ["list", "signal"],
    registry=registry,
    multiprocess_mode="livemostrecent",
)
blocklist_version = Gauge(
    "edgeward_blocklist_version",
    "Version of the lists that the hindmost process of this machine has applied.",
    registry=registry,
    multiprocess_mode="livemin",
)
blocklist_contact = Gauge(
    "edgeward_blocklist_contact_timestamp_seconds",
    "When the process of this machine that has been cut off longest last heard from the store, in Unix seconds.",
    registry=registry,
    multiprocess_mode="livemin",
)
blocklist_lag_seconds = Gauge(
    "edgeward_blocklist_lag_seconds",
    "Seconds since the process cut off longest last heard from the store: the age of its lists. Set at each scrape.",
    registry=registry,
    multiprocess_mode="livemostrecent",
)
sightings_dropped = Counter(
    "edgeward_sightings_dropped_total",
    "Sightings lost: a store that was away for too long, or too many of one image, one address, or to be asked again.",
    registry=registry,
)
purges = Counter(
    "edgeward_purges_total",
    "Purges by cache and outcome: verified, delivered, refused, retried, stored_again (a repeat found a new copy).",
    ["cache", "outcome"],
    registry=registry,
)
purges_pending = Gauge(
    "edgeward_purges_pending",
    "Orders that a cache still owes.",
    ["cache"],
    registry=registry,
    multiprocess_mode="livemostrecent",
)
purge_oldest_seconds = Gauge(
    "edgeward_purge_oldest_seconds",
    "Age of the oldest order that a cache still owes, in seconds; 0 when it owes none.",
    ["cache"],
    registry=registry,
    multiprocess_mode="livemostrecent",
)
purges_unverified = Gauge(
    "edgeward_purges_unverified",
    "Orders that a cache has neither verified nor accepted: still owed, or refused. What is listed may linger there.",
    ["cache"],
    registry=registry,
    multiprocess_mode="livemostrecent",
)
linger_seconds = Histogram(
    "edgeward_linger_seconds",
    "Seconds from the listing (or the match in transit) to the purge that a cache verified or accepted.",
    ["cache"],
    buckets=_LINGER,
    registry=registry,
)
retro_seconds = Histogram(
    "edgeward_retro_match_seconds",
    "Time to match one new entry backwards over all sightings and place its orders, in seconds.",
    buckets=_FAST,
    registry=registry,
)
retro_images = Gauge(
    "edgeward_retro_images",
    "Images that new entries are matched backwards over.",
    registry=registry,
    multiprocess_mode="livemostrecent",
)
retro_behind = Gauge(
    "edgeward_retro_pending",
    "Changes of the lists that are not yet matched backwards over all sightings.",
    registry=registry,
    multiprocess_mode="livemostrecent",
)
retro_version = Gauge(
    "edgeward_retro_version",
    "Version of the lists up to which all sightings have been matched backwards.",
    registry=registry,
    multiprocess_mode="livemax",
)
served_images = Counter(
    "edgeward_served_images_total",
    "Images delivered: what the sweep's share of requests to the origin is counted against.",
    registry=registry,
)
sweep_checks = Counter(
    "edgeward_sweep_checks_total",
    "Targets re-checked at their origin, by result: same, gone, replaced, down (nothing is purged), unclear.",
    ["result"],
    registry=registry,
)
sweep_queue = Gauge(
    "edgeward_sweep_queue",
    "Targets that were served and wait to be re-checked at their origin.",
    registry=registry,
    multiprocess_mode="livemostrecent",
)
takedowns = Counter(
    "edgeward_takedowns_total",
    "Takedowns asked for, by the way they came: api, webhook.",
    ["way"],
    registry=registry,
)
webhook_refusals = Counter(
    "edgeward_webhook_refusals_total",
    "Signed requests that were refused, by reason: unknown, signature, stale, host, list.",
    ["reason"],
    registry=registry,
)
api_requests = Counter(
    "edgeward_api_requests_total",
    "Requests to the admin API by route and status.",
    ["route", "status"],
    registry=registry,
)


def exposition() -> bytes:
    """All metrics of this machine's processes in the Prometheus text format."""
    directory = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not directory:
        return generate_latest(registry)
    combined = CollectorRegistry()
    multiprocess.MultiProcessCollector(combined, path=directory)
    contact = combined.get_sample_value("edgeward_blocklist_contact_timestamp_seconds")
    if contact:
        blocklist_lag_seconds.set(max(0.0, time.time() - contact))
    return generate_latest(combined)
