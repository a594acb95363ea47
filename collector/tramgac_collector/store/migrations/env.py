"""Run migrations on the connection that ``engine.upgrade`` hands over."""

from alembic import context

from tramgac_collector.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
