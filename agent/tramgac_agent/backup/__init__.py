"""Backup evidence: runs as they happen, and what is known of them afterwards."""
