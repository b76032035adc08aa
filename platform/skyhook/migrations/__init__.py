"""Schema migrations: one alembic environment, a version folder and a version table for the core and each plugin."""
