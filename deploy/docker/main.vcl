# Main VCL of Varnish in containers. compose.yaml and ../kubernetes mount it together with ../varnish/edgeward.vcl.
vcl 4.1;

# compose.yaml maps this name to an address. In Kubernetes it is a Service named `origin` in the same namespace.
backend default {
  .host = "origin";
  .port = "80";
}

# Containers have no fixed addresses, so any private address is allowed, and the secret decides.
acl edgeward_purgers {
  "localhost";
  "10.0.0.0"/8;
  "172.16.0.0"/12;
  "192.168.0.0"/16;
  "fc00::"/7;
}

include "edgeward.vcl";

sub vcl_init {
  if (std.getenv("EDGEWARD_PURGE_SECRET") !~ ".{16}") {
    return (fail("EDGEWARD_PURGE_SECRET must be set, 16 characters or more: it is the only protection of purges here"));
  }
}

sub vcl_deliver {
  if (obj.hits > 0) {
    set resp.http.X-Cache = "HIT";
  } else {
    set resp.http.X-Cache = "MISS";
  }
}
