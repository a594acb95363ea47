"""Readers of this host's own state, and the files in which checks remember it."""
