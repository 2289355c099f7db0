"""Every change of the schema, in order. Alembic runs `env.py`; `store.engine.migrate` starts it."""
