"""One file per revision, oldest 0001."""
