"""The Lightstreamer text protocol (TLCP) without I/O."""
