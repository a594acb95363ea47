"""Reads restic repositories: a wrapper that only reads, and what is concluded from it."""
