# Purges by prefix: everything of a host whose request target begins with the prefix. Include it right below edgeward.vcl, and
# set `bans = true` for this cache in Edgeward's settings. Cost: each object also stores its URL, and its first hit after a
# ban tests each newer ban.

import std;

sub vcl_recv {
  if (req.method == "BAN") {
    call edgeward_check_purger;
    call edgeward_normalize_host;
    # White space would end an argument of the ban.
    if (req.http.Host !~ "^[^\s]+$" || req.url !~ "^/[^\s]*$") {
      return (synth(400, "No prefix"));
    }
    # The prefix is literal: special characters of regular expressions are escaped. Only obj. is used, so that the ban
    # lurker can process the ban.
    if (!std.ban("obj.http.Edgeward-Host == " + req.http.Host + " && obj.http.Edgeward-Url ~ ^"
        + regsuball(req.url, "[][\\^$.|?*+(){}]", "\\\0"))) {
      return (synth(400, std.ban_error()));
    }
    set req.http.Edgeward-Purged = "ban";
    return (synth(200, "Banned"));
  }
}

sub vcl_backend_response {
  set beresp.http.Edgeward-Host = bereq.http.Host;
  set beresp.http.Edgeward-Url = bereq.url;
}

sub vcl_deliver {
  unset resp.http.Edgeward-Host;
  unset resp.http.Edgeward-Url;
}

sub vcl_synth {
  if (req.method == "BAN") {
    call edgeward_answer;
    return (deliver);
  }
}
