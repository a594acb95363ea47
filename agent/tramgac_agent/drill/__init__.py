"""Restore drills: something is really restored, looked at, and deleted again."""
