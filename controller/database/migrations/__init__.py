"""Every change of the schema, in order. Alembic runs `env.py`; `engine.migrate` starts it."""
