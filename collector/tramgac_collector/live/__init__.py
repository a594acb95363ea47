"""What the fleet says now, kept as text that only has to be joined for a scrape."""
