"""From incidents to people: route, group, hold, dedup, quiet hours, send, retry, escalate."""
