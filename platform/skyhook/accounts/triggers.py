"""That an organization keeps an owner, as SQL: the database refuses what no service should ask for."""

from __future__ import annotations

_ANOTHER = """EXISTS (
    SELECT 1 FROM members WHERE organization_id = OLD.organization_id AND role = 'owner' AND id <> OLD.id
)"""

SQLITE = (
    f"""
    CREATE TRIGGER IF NOT EXISTS members_keep_owner_update BEFORE UPDATE ON members
    WHEN OLD.role = 'owner' AND (NEW.role <> 'owner' OR NEW.organization_id <> OLD.organization_id)
    BEGIN SELECT RAISE(ABORT, 'accounts: last owner') WHERE NOT {_ANOTHER}; END
    """,
    f"""
    CREATE TRIGGER IF NOT EXISTS members_keep_owner_delete BEFORE DELETE ON members
    WHEN OLD.role = 'owner'
    BEGIN SELECT RAISE(ABORT, 'accounts: last owner') WHERE NOT {_ANOTHER}; END
    """,
)

POSTGRESQL = (
    f"""
    CREATE OR REPLACE FUNCTION members_keep_owner() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM 1 FROM members WHERE organization_id = OLD.organization_id AND role = 'owner' FOR UPDATE;
        IF NOT {_ANOTHER} THEN RAISE EXCEPTION 'accounts: last owner'; END IF;
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER members_keep_owner_update BEFORE UPDATE ON members FOR EACH ROW
    WHEN (OLD.role = 'owner' AND (NEW.role <> 'owner' OR NEW.organization_id <> OLD.organization_id))
    EXECUTE FUNCTION members_keep_owner()
    """,
    """
    CREATE OR REPLACE TRIGGER members_keep_owner_delete BEFORE DELETE ON members FOR EACH ROW
    WHEN (OLD.role = 'owner') EXECUTE FUNCTION members_keep_owner()
    """,
)
