"""What Alembic runs: the migrations, on the connection that `engine.migrate` hands over."""

from alembic import context

from controller.database.tables import Table

context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata)
context.run_migrations()
