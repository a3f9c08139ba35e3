# What Edgeward needs of a Varnish (7.x): exact purges that wait for a fetch under way, and say how much they removed.
#
# Include it from your own VCL (see default.vcl), below the backend and the acl `edgeward_purgers`, and before your own
# subroutines. One exception: code of yours that rewrites req.url or req.http.Host belongs above the include, since a purge
# leaves vcl_recv here and must find the object under the name that a fetch would use.
#
# If varnishd is started with EDGEWARD_PURGE_SECRET in its environment, a purge must carry it in the header
# Edgeward-Secret as well. Set it wherever clients can reach this cache from an address of the acl.
#
# edgeward-tags.vcl and edgeward-bans.vcl add purges by tag and by prefix: include them right below this file.

import std;
import purge;

# One spelling of a host, so that purge and fetch agree.
sub edgeward_host {
  if (req.http.Host ~ "[A-Z]|:[0-9]+$|\.$") {
    set req.http.Host = std.tolower(regsub(req.http.Host, ":[0-9]+$", ""));
    set req.http.Host = regsub(req.http.Host, "\.$", "");
  }
}

# Who may pass: an address of the acl that knows the secret, where there is one.
sub edgeward_door {
  unset req.http.Edgeward-Purged;
  if (client.ip !~ edgeward_purgers) {
    return (synth(403, "Purge refused"));
  }
  if (std.getenv("EDGEWARD_PURGE_SECRET") ~ "." && req.http.Edgeward-Secret != std.getenv("EDGEWARD_PURGE_SECRET")) {
    return (synth(403, "Purge refused"));
  }
  unset req.http.Edgeward-Secret;
}

sub edgeward_answer {
  if (req.http.Edgeward-Purged) {
    set resp.http.X-Purged = req.http.Edgeward-Purged;
  }
  set resp.http.Cache-Control = "no-store";
  set resp.body = "";
}

sub vcl_recv {
  call edgeward_host;
  if (req.method == "PURGE") {
    call edgeward_door;
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

sub vcl_miss {
  call edgeward_purge;
}

# A purge that meets a hit-for-pass object ends here: it must never travel on to the origin.
sub vcl_pass {
  if (req.method == "PURGE") {
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

# The secret stays here, whatever becomes of a request that carries it.
sub vcl_pipe {
  unset bereq.http.Edgeward-Secret;
}

sub vcl_backend_fetch {
  unset bereq.http.Edgeward-Secret;
}
