"""The judge: rules, incidents and notifications, in a process of its own beside ingest."""
