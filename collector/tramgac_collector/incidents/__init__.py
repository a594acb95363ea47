"""From facts to incidents: what is wrong now, what it belongs to, and what people are told once."""
