# Purges by tag, for placement fill: there Edgeward sends the tag of each image in the response header `xkey`, and one purge
# removes all its URLs and variants. Needs vmod xkey (Debian: varnish-modules). Include it right below edgeward.vcl, and set
# `tags = true` for this cache in Edgeward's settings.

import xkey;

sub vcl_recv {
  if (req.method == "PURGETAG") {
    call edgeward_check_purger;
    if (req.http.Edgeward-Tag !~ "^[A-Za-z0-9_-]+$") {
      return (synth(400, "No tag"));
    }
    set req.http.Edgeward-Purged = xkey.purge(req.http.Edgeward-Tag);
    if (req.http.Edgeward-Purged == "0") {
      return (synth(404, "Not in cache"));
    }
    return (synth(200, "Purged"));
  }
}

# Clients do not need tags. Remove this if the client is another cache that purges by tag too.
sub vcl_deliver {
  unset resp.http.xkey;
}

sub vcl_synth {
  if (req.method == "PURGETAG") {
    call edgeward_answer;
    return (deliver);
  }
}
