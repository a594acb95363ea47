"""Benchmarks: what we promise, measured beside a peer in the same run."""
