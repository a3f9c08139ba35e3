# Purges by prefix: all of a host whose request target begins so. Include it right below edgeward.vcl, and set `bans = true`
# for this cache in Edgeward's settings. It costs each object the bytes of its own URL, and the first hit of an object a
# test against each ban that is newer.

import std;

sub vcl_recv {
  if (req.method == "BAN") {
    call edgeward_door;
    call edgeward_host;
    # White space would end the argument of a ban.
    if (req.http.Host !~ "^[^\s]+$" || req.url !~ "^/[^\s]*$") {
      return (synth(400, "No prefix"));
    }
    # The prefix is taken literally: whatever means something in a regular expression is escaped. Only obj. is looked at, so
    # the ban lurker can work it off.
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
