"""Every metric that Edgeward exports: name, unit, labels, meaning. docs/metrics.md adds what to do about each.

No label carries a URL, a hash or a client address. All processes of a machine write to the directory named by
PROMETHEUS_MULTIPROC_DIR (the supervisor sets it before it starts them), and metrics_exposition.py adds them up.
Counters and histograms are summed. A gauge says how processes are combined by its `multiprocess_mode`: livemin takes
the worst process, livemax the furthest, livemostrecent the last to write; dead processes are left out ("live").
"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from edgeward import metrics_files

metrics_files.install()
registry = CollectorRegistry()
"""All metrics below. Not the default registry, which other libraries write to."""

_REQUEST_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
"""Seconds: from a lookup in memory to a hasher that runs into its time limit."""
_LINGER_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86400)
"""Seconds: from a purge of a cache that is up to one that was down for a day."""
_INTERVAL_BUCKETS = (5, 10, 15, 20, 30, 45, 60, 90, 120, 300, 900, 3600)
"""Seconds: around the default of sweep.within_seconds, and up to where it is missed by far."""


def _latest(name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
    """A gauge with the value of the last process to write."""
    return Gauge(name, meaning, labels, registry=registry, multiprocess_mode="livemostrecent")


def _highest(name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
    """A gauge with the highest value of any live process."""
    return Gauge(name, meaning, labels, registry=registry, multiprocess_mode="livemax")


def _counter(name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
    return Counter(name, meaning, labels, registry=registry)


responses = _counter(
    "edgeward_responses_total",
    "Responses by verdict (deliver, block, error) and reason. Each response is counted once.",
    ["verdict", "reason"],
)
response_seconds = Histogram(
    "edgeward_response_seconds",
    "Time from the complete upstream response to its verdict, in seconds.",
    buckets=_REQUEST_BUCKETS,
    registry=registry,
)
hash_seconds = Histogram(
    "edgeward_hash_seconds",
    "Time to decode and hash one new image, including its time in the queue, in seconds.",
    buckets=_REQUEST_BUCKETS,
    registry=registry,
)
match_seconds = Histogram(
    "edgeward_match_seconds",
    "Time to match one fingerprint against all lists, in seconds.",
    buckets=_REQUEST_BUCKETS,
    registry=registry,
)
fingerprint_lookups = _counter(
    "edgeward_fingerprint_lookups_total",
    "Judged bodies by the source of their fingerprint: memory, store, hashed.",
    ["source"],
)
refetches = _counter(
    "edgeward_refetches_total",
    "Complete fetches made to judge a partial or bodiless response, by result: image, not_image, failed.",
    ["result"],
)
body_memory_bytes = _highest(
    "edgeward_body_memory_bytes",
    "Memory reserved for bodies in the worker that has reserved the most. The limit is proxy.body_memory_mb.",
)
body_memory_refusals = _counter(
    "edgeward_body_memory_refusals_total",
    "Bodies that found no memory in time. policy.overloaded decided on them.",
)
connections_ended = _counter(
    "edgeward_connections_ended_total",
    "Connections that a limit ended, by reason: client_head, client_ahead, upstream_head, slow_client, slow_upstream, "
    "connections, admin.",
    ["reason"],
)
failed_image_requests = _counter(
    "edgeward_failed_image_requests_total",
    "Requests for an image on which a hasher had just failed: answered by policy, without another attempt.",
)
hasher_restarts = _counter(
    "edgeward_hasher_restarts_total",
    "Hasher processes that ended and were replaced, by cause: crashed, timeout.",
    ["cause"],
)
hasher_isolation = Gauge(
    "edgeward_hasher_isolation",
    "1 if a layer (no_new_privs, landlock, seccomp) isolates the hashers of every process on this machine, else 0.",
    ["layer"],
    registry=registry,
    multiprocess_mode="livemin",
)
classified = _counter(
    "edgeward_classified_total",
    "Images offered to a classifier, by result: labelled (an incident), unlabelled, dropped, failed.",
    ["classifier", "result"],
)
classifier_seconds = Histogram(
    "edgeward_classifier_seconds",
    "Time for a classifier to answer for one image, in seconds. No request waits for it.",
    ["classifier"],
    buckets=_REQUEST_BUCKETS,
    registry=registry,
)
source_age_seconds = _latest(
    "edgeward_source_age_seconds",
    "Time since the last good pull of a source of lists, or since the source is known, in seconds.",
    ["source"],
)
source_stale = _latest(
    "edgeward_source_stale",
    "1 if the last good pull of a source is longer ago than its stale_seconds, else 0.",
    ["source"],
)
source_pulls = _counter(
    "edgeward_source_pulls_total",
    "Pulls of a source of lists, by result: imported, unchanged, failed.",
    ["source", "result"],
)
source_feedback = _counter(
    "edgeward_source_feedback_total",
    "Feedback to a programme, by result: sent, refused (given up), failed (sent again later).",
    ["source", "result"],
)
processes_down = _latest(
    "edgeward_processes_down",
    "Processes of `edgeward run` that end again and again, or do not get ready, by role. Their ports are closed.",
    ["role"],
)
process_restarts = _latest(
    "edgeward_process_restarts",
    "Restarts since `edgeward run` was started, by role: proxy, controller, store. It grows, and is 0 after a start.",
    ["role"],
)
process_starts = _counter(
    "edgeward_process_starts_total",
    "Starts of Edgeward processes by role: proxy, controller.",
    ["role"],
)
gate_errors = _counter(
    "edgeward_gate_errors_total",
    "Caught defects of Edgeward, by hook: a hook of the proxy or a background task. Must stay at 0.",
    ["hook"],
)
blocklist_entries = _latest(
    "edgeward_blocklist_entries",
    "Entries loaded on this machine, by list and signal type.",
    ["list", "signal"],
)
batch_files_damaged = _counter(
    "edgeward_batch_files_damaged_total", "Segments of batches that do not match their checksums, and are built again."
)
batch_files_built_ratio = _latest("edgeward_batch_files_built_ratio", "Share of a batch's files that is built, 0 to 1.")
not_matchable_entries = _latest(
    "edgeward_blocklist_not_matchable_entries",
    "Entries that no image can match, by list and signal type: the type is not computed for images.",
    ["list", "signal"],
)
blocklist_version = Gauge(
    "edgeward_blocklist_version",
    "The lowest list version applied by any process on this machine.",
    registry=registry,
    multiprocess_mode="livemin",
)
blocklist_contact_timestamp = Gauge(
    "edgeward_blocklist_contact_timestamp_seconds",
    "Unix time at which the longest disconnected process on this machine last heard from the store.",
    registry=registry,
    multiprocess_mode="livemin",
)
blocklist_lag_seconds = _latest(
    "edgeward_blocklist_lag_seconds",
    "Seconds since the longest disconnected process on this machine heard from the store: the age of its lists.",
)
list_expires = _latest("edgeward_list_expires_timestamp_seconds", "When a list is turned off, Unix seconds.", ["list"])
entry_matches_max = _highest(
    "edgeward_entry_matches_max_per_minute",
    "Matches of the entry that matched most in the last full minute, in the busiest process of this machine.",
)
unreadable_records = Counter(
    "edgeward_unreadable_records_total", "Records that could not be read, by kind.", ["kind"], registry=registry
)
blocklist_unreadable_entries = _highest(
    "edgeward_blocklist_unreadable_entries",
    "Lists, entries and changes of them that the process with the most of them can't read, so that they do not act.",
)
store_lost = _highest(
    "edgeward_store_lost",
    "1 if a process on this machine knows lists or entries that the store lost, else 0.",
)
store_evicts = _highest(
    "edgeward_store_evicts",
    "1 if the store may drop lists and orders to free memory, or has done so, else 0. Set by controllers.",
)
store_refuses_writes = _highest(
    "edgeward_store_refuses_writes",
    "1 if the store is full, can't write its files, is loading or is a replica, else 0. Set by controllers.",
)
store_clock_steps = _counter(
    "edgeward_store_clock_steps_total",
    "Steps of the store's clock by more than a second, each counted by every process that noticed.",
)
silent_processes = _highest(
    "edgeward_silent_processes",
    "Processes that are not heard from and are not known to have ended. Set by controllers.",
)
silent_processes_dropped = _counter(
    "edgeward_silent_processes_dropped_total",
    "Silent processes that were forgotten because more than 1,000 processes were on record.",
)
incidents_dropped = Counter(
    "edgeward_incidents_dropped_total", "Lost incidents: the store was unavailable too long.", registry=registry
)
incidents_trimmed = _counter(
    "edgeward_incidents_trimmed_total",
    "Incidents that were removed before their time, because all of them took too much of the store's memory.",
)
incident_hits_dropped = _counter(
    "edgeward_incident_hits_dropped_total",
    "Requests that are missing from the hits of their incident: the store was unavailable too long.",
)
coded_bodies_dropped = _counter(
    "edgeward_coded_bodies_dropped_total",
    "Compressed forms of images, too many to remember: they are hashed again when they are served again.",
)
sightings_dropped = _counter(
    "edgeward_sightings_dropped_total",
    "Lost sightings: the store was unavailable too long, or a limit per image, URL or worker was reached.",
)
unjudged_pending = Gauge(
    "edgeward_unjudged_pending",
    "Requests whose response was not judged, and which are sent again: a cache may have stored it.",
    registry=registry,
    multiprocess_mode="livesum",
)
unjudged_unanswered = Gauge(
    "edgeward_unanswered_pending",
    "Those of edgeward_unjudged_pending that nobody has answered yet: no response has begun that a cache could store.",
    registry=registry,
    multiprocess_mode="livesum",
)
unjudged = _counter(
    "edgeward_unjudged_total",
    "Requests sent again because their response was not judged, by result: judged, unanswered, purged, dropped.",
    ["result"],
)
sightings_forgotten = _latest(
    "edgeward_sightings_forgotten",
    "Targets that are now forgotten: their sightings were dropped or lost, and no purge has made up for that yet.",
)
sightings_memory_ratio = _latest(
    "edgeward_sightings_memory_ratio",
    "Store memory in use, of the limit for sightings: from 0.9 on sightings are forgotten, at 1 none is written.",
)
matches_purged_by_prefix = _counter(
    "edgeward_matches_purged_by_prefix_total",
    "Targets of listed images, too many to purge one by one: they are purged by prefix where the cache can do that.",
)
purges = _counter(
    "edgeward_purges_total",
    "Purges by cache and outcome: verified, delivered (accepted), unsupported, refused, retried, stored_again.",
    ["cache", "outcome"],
)
purge_copies = _counter(
    "edgeward_purge_copies_total",
    "Purges that a cache carried out, by what they met: removed (a copy), none, unknown (the cache does not tell).",
    ["cache", "met"],
)
cache_key_mismatch = _latest(
    "edgeward_cache_key_mismatch",
    "1: this cache stores copies under keys that purges do not have, so copies may be left.",
    ["cache"],
)
purges_pending = _latest(
    "edgeward_purges_pending",
    "Pending purge orders: a cache owes them. It has neither carried them out nor refused them.",
    ["cache"],
)
unconfigured_purges_pending = _latest(
    "edgeward_unconfigured_purges_pending",
    "Purge orders that a cache owes or refuses which no live controller has in its settings.",
    ["cache"],
)
settings_mismatch = _latest("edgeward_settings_mismatch", "Settings that differ between controllers.", ["setting"])
purge_oldest_seconds = _latest(
    "edgeward_purge_oldest_seconds",
    "Age of the oldest pending purge order of a cache, in seconds; 0 if there is none.",
    ["cache"],
)
purges_unverified = _latest(
    "edgeward_purges_unverified",
    "Purge orders that a cache has neither verified nor accepted: pending, or refused.",
    ["cache"],
)
linger_seconds = Histogram(
    "edgeward_linger_seconds",
    "Seconds from the listing, or the match in transit, to the purge that the cache verified or accepted.",
    ["cache"],
    buckets=_LINGER_BUCKETS,
    registry=registry,
)
retro_match_seconds = Histogram(
    "edgeward_retro_match_seconds",
    "Time to match one new entry against all sightings and place its purge orders, in seconds.",
    buckets=_REQUEST_BUCKETS,
    registry=registry,
)
retro_images = _latest("edgeward_retro_images", "Images in memory that new entries are matched against.")
retro_pending = _latest("edgeward_retro_pending", "List changes that are not yet matched against all sightings.")
retro_version = _highest(
    "edgeward_retro_version",
    "List version up to which all sightings have been matched.",
)
served_images = _counter(
    "edgeward_served_images_total",
    "Images delivered. Requests to origins are limited to sweep.share times this number, but not in placement fill.",
)
sweep_checks = _counter(
    "edgeward_sweep_checks_total",
    "Targets checked at their origin, by result: same, gone, replaced, private, refused, held, kept, down, unclear, "
    "waiting, unfollowed.",
    ["result"],
)
sweep_hosts = _latest(
    "edgeward_sweep_hosts",
    "Hosts whose removals are not noticed or not purged, by table in [[hosts]] and state: down, held.",
    ["table", "state"],
)
sweep_queue = _latest("edgeward_sweep_queue", "Served targets that wait for a check at their origin.")
sweep_oldest_check_seconds = _latest(
    "edgeward_sweep_oldest_check_seconds",
    "Longest time between two checks of a target that is still requested, by table in [[hosts]], in seconds.",
    ["table"],
)
sweep_interval_seconds = Histogram(
    "edgeward_sweep_interval_seconds",
    "Time between two checks at the origin of a target that is still requested, in seconds.",
    buckets=_INTERVAL_BUCKETS,
    registry=registry,
)
sweep_dropped = _counter(
    "edgeward_sweep_dropped_total",
    "Served targets that are not followed at their origin, because there are too many.",
)
takedowns = Counter("edgeward_takedowns_total", "Takedown requests by way: api, webhook.", ["way"], registry=registry)
vary_unknown = _counter(
    "edgeward_vary_unknown_total",
    "Responses whose Vary names more headers, or longer ones, than a sighting holds: their variant is not known.",
)
vary_not_stored = _counter(
    "edgeward_vary_not_stored_total",
    "Images that Squid must not store in placement fill (no-store), as no purge could name their variant.",
)
webhook_refusals = _counter(
    "edgeward_webhook_refusals_total",
    "Refused webhook requests by reason: unknown, signature, stale, host, list.",
    ["reason"],
)
api_requests = _counter(
    "edgeward_api_requests_total",
    "Requests to the admin API by route and status.",
    ["route", "status"],
)


clock_skew_seconds = _highest(
    "edgeward_clock_skew_seconds",
    "Seconds by which the clocks of this machine and of the store differ, of the process that finds the most.",
)
trimming_refused = _highest(
    "edgeward_trimming_refused",
    "1 if a controller removes nothing for its age, by reason: skew (its clock and the store's differ by more than 60 "
    "seconds), step (the store's clock may have stepped within the last day); else 0.",
    ["reason"],
)
