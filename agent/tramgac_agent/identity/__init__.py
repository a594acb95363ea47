"""This host's identity: files any part may read, and children that get and renew it."""
