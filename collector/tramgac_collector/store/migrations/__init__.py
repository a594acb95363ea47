"""Alembic's environment: the history of the store's schema."""
