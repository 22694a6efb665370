"""What IG streams of an account: its figures, its deals, and a heartbeat; used by ``IGStream`` alone."""
