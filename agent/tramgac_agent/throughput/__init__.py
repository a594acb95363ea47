"""Throughput tests as the agent sees them: asking for leases, judging what came out."""
