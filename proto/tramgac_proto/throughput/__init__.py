"""Throughput tests under signed leases: what initiator, responder and collector share."""
