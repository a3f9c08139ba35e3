# The smallest Varnish behind or before Edgeward: your origin, who may purge, and what Edgeward needs.
vcl 4.1;

# front: the origin. fill: Edgeward's own address.
backend default {
  .host = "127.0.0.1";
  .port = "8000";
}

# Where Edgeward's controller runs. Nobody else can purge.
acl edgeward_purgers {
  "127.0.0.1";
  "::1";
}

include "edgeward.vcl";
# include "edgeward-tags.vcl";  # fill: one purge takes every URL of an image
# include "edgeward-bans.vcl";  # purges of a prefix

# RFC 9111, 5.2.1.7: ask the cache and nobody behind it. So a copy can be looked for without making one.
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
