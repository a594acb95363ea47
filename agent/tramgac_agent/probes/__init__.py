"""Ways to ask another machine, or systemd, for a sign of life; each bounded in time."""
