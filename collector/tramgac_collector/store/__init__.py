"""Where the collector keeps what it was told: one schema, SQLite or PostgreSQL."""
