# A minimal Varnish behind or in front of Edgeward: your origin, who may purge, and what Edgeward needs.
vcl 4.1;

# front: the origin. fill: Edgeward's own address.
backend default {
  .host = "127.0.0.1";
  .port = "8000";
}

# Addresses of Edgeward's controllers. No other address can purge.
acl edgeward_purgers {
  "127.0.0.1";
  "::1";
}

include "edgeward.vcl";
# include "edgeward-tags.vcl";  # fill: one purge removes every URL of an image
# include "edgeward-bans.vcl";  # purges by prefix

# RFC 9111, 5.2.1.7: answer only from the cache. So Edgeward can look for a copy without creating one.
sub vcl_miss {
  if (req.http.Cache-Control ~ "only-if-cached") {
    return (synth(504, "Not in cache"));
  }
}

sub vcl_deliver {
  if (obj.hits > 0) {
    set resp.http.X-Cache = "HIT";
  } else {
    set resp.http.X-Cache = "MISS";
  }
}
