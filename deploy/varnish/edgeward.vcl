# What Edgeward needs in Varnish (7.x): exact purges that wait for a fetch in progress, and report how much they removed.
#
# Include it in your own VCL (see default.vcl), below the backend and the acl `edgeward_purgers`, and above your own
# subroutines. Exception: code that rewrites req.url or req.http.Host must be above the include, because a purge leaves
# vcl_recv here and must find the object under the same name as a fetch.
#
# If varnishd is started with EDGEWARD_PURGE_SECRET in its environment, a purge must also have that secret in the header
# Edgeward-Secret. Set it if clients can reach this cache from an address in the acl.
#
# edgeward-tags.vcl and edgeward-bans.vcl add purges by tag and by prefix. Include them right below this file.

import std;
import purge;

# Normalize the host, so that purge and fetch use the same name. Refuse a request whose host or path no purge can name.
sub edgeward_normalize_host {
  # Most requests need nothing more than this look.
  if (req.url !~ "^/" || req.http.Host !~ "^[a-z0-9_-]+(\.[a-z0-9_-]+)*$") {
    call edgeward_normalize_odd_host;
  }
}

sub edgeward_normalize_odd_host {
  # A request line with a whole URL names the host itself (RFC 9112, 3.2.2). Varnish splits only some of these.
  if (req.url ~ "(?i)^https?://") {
    set req.http.Host = regsub(req.url, "^[^:]+://([^/?#]*).*$", "\1");
    set req.url = regsub(req.url, "^[^:]+://[^/?#]*/?", "/");
  }
  # HTTP/1.0 allows a request without Host. Varnish would store it under its own address, and fetch it by the backend's name.
  if (!req.http.Host && req.proto == "HTTP/1.0") {
    set req.http.Host = regsub("" + server.ip, "^(.*:.*)$", "[\1]");
  }
  # All ports and dots at the end at once: what is normalized must not change when it is normalized again.
  if (req.http.Host ~ "[A-Z]|:[0-9]*$|\.$") {
    set req.http.Host = regsub(std.tolower(req.http.Host), "(:[0-9]*|\.)+$", "");
  }
  if (req.http.Host !~ "^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$" || (req.url !~ "^/" && req.method != "OPTIONS")) {
    return (synth(400, "Bad request"));
  }
}

# Allow only addresses of the acl that know the secret, if there is one.
sub edgeward_check_purger {
  unset req.http.Edgeward-Purged;
  unset req.http.Edgeward-Marker;
  if (client.ip !~ edgeward_purgers) {
    return (synth(403, "Purge refused"));
  }
  if (std.getenv("EDGEWARD_PURGE_SECRET") ~ "." && req.http.Edgeward-Secret != std.getenv("EDGEWARD_PURGE_SECRET")) {
    return (synth(403, "Purge refused"));
  }
}

sub edgeward_answer {
  if (req.http.Edgeward-Purged) {
    set resp.http.X-Purged = req.http.Edgeward-Purged;
  }
  if (req.http.Edgeward-Marker) {
    set resp.http.X-Purged-Marker = req.http.Edgeward-Marker;
  }
  set resp.http.Cache-Control = "no-store";
  set resp.body = "";
}

sub vcl_recv {
  call edgeward_normalize_host;
  if (req.method == "PURGE") {
    call edgeward_check_purger;
    if (req.restarts > 0) {
      set req.hash_always_miss = true;
    }
    return (hash);
  }
  if (req.method != "PURGETAG" && req.method != "BAN") {
    unset req.http.Edgeward-Secret;
  }
}

sub edgeward_purge {
  if (req.method == "PURGE") {
    set req.http.Edgeward-Purged = purge.hard();
    if (req.http.Edgeward-Purged == "0") {
      return (synth(404, "Not in cache"));
    }
    return (synth(200, "Purged"));
  }
}

sub vcl_hit {
  call edgeward_purge;
}

# Varnish keeps a marker, no copy, for a response that may not be stored: an object that is "hit-for-miss" or "hit-for-pass".
# It is purged and counted like a copy, and the next request of a client brings it back. So Edgeward is told of it.
sub vcl_miss {
  if (req.method == "PURGE" && (req.is_hitmiss || req.restarts > 0)) {
    set req.http.Edgeward-Marker = "1";
  }
  call edgeward_purge;
}

# A purge that finds a hit-for-pass marker ends here: it must never reach the origin. Other variants may have copies, which
# only a miss can purge: look up once more, past the marker.
sub vcl_pass {
  if (req.method == "PURGE") {
    if (req.is_hitpass && req.restarts == 0) {
      return (restart);
    }
    set req.http.Edgeward-Purged = "0";
    return (synth(404, "Not in cache"));
  }
}

sub vcl_synth {
  if (req.method == "PURGE") {
    call edgeward_answer;
    return (deliver);
  }
}

# Never send the secret to the origin.
sub vcl_pipe {
  unset bereq.http.Edgeward-Secret;
}

sub vcl_backend_fetch {
  unset bereq.http.Edgeward-Secret;
}
