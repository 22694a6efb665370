"""From the protocol's text to values and back, for both halves: the client's session and the simulator's server."""
