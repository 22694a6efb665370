"""IG at the wire on loopback: REST and Lightstreamer."""
