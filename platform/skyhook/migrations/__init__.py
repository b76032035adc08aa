"""Migrations: one alembic environment; the core and each plugin have their own folder and version table."""
