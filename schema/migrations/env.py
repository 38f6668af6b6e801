"""How Alembic runs the revisions: on the connection that pipeline/migrate.py hands over, inside its
transaction, or, without one, by printing the SQL."""

from alembic import context

from schema.migrations import VERSION_TABLE

connection = context.config.attributes.get("connection")
context.configure(
    connection=connection,
    dialect_name="postgresql",
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
