"""Of billing documents, what the database itself keeps: they stay as issued, numbers have no gaps, and
credit notes never exceed their receipt."""

from __future__ import annotations

_NEXT = """(
    SELECT COALESCE(MAX(serial), 0) + 1 FROM billing_documents WHERE kind = NEW.kind AND year = NEW.year
)"""

_CREDITED = """(
    SELECT COALESCE(SUM(note.total), 0) FROM billing_documents AS note
    WHERE note.refers_to_id = NEW.refers_to_id AND note.kind = 'credit_note'
      AND NOT EXISTS (SELECT 1 FROM billing_documents AS undone
                      WHERE undone.refers_to_id = note.id AND undone.kind = 'debit_note')
)"""

_CREDITABLE = f"""EXISTS (
    SELECT 1 FROM billing_documents AS receipt
    WHERE receipt.id = NEW.refers_to_id AND receipt.kind = 'receipt'
      AND receipt.organization_id = NEW.organization_id AND NEW.total + {_CREDITED} <= receipt.total
)"""  # noqa: S608

_UNDOES = """EXISTS (
    SELECT 1 FROM billing_documents AS note
    WHERE note.id = NEW.refers_to_id AND note.kind = 'credit_note'
      AND note.organization_id = NEW.organization_id AND note.reversal_id = NEW.reversal_id
      AND note.net = NEW.net AND note.tax = NEW.tax
)"""

_CHECKS = (
    ("next", "TRUE", f"NEW.serial = {_NEXT}", "a number is not the next"),
    ("credit", "NEW.kind = 'credit_note'", _CREDITABLE, "a credit note exceeds its receipt"),
    ("debit", "NEW.kind = 'debit_note'", _UNDOES, "a debit note undoes no credit note"),
)

SQLITE = (
    *(
        f"""
        CREATE TRIGGER IF NOT EXISTS billing_documents_{name} BEFORE INSERT ON billing_documents
        WHEN {when}
        BEGIN SELECT RAISE(ABORT, 'invoices: {message}') WHERE NOT {holds}; END
        """
        for name, when, holds, message in _CHECKS
    ),
    *(
        f"""
        CREATE TRIGGER IF NOT EXISTS billing_documents_no_{verb.lower()} BEFORE {verb} ON billing_documents
        BEGIN SELECT RAISE(ABORT, 'invoices: billing_documents has no {verb}'); END
        """
        for verb in ("UPDATE", "DELETE")
    ),
)

POSTGRESQL = (
    # The lock on what it refers to makes notes of one receipt wait for each other, so that their sum is true.
    *(
        f"""
        CREATE OR REPLACE FUNCTION billing_documents_{name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM 1 FROM billing_documents WHERE id = NEW.refers_to_id FOR UPDATE;
            IF NOT {holds} THEN
                RAISE EXCEPTION 'invoices: {message}' USING ERRCODE = 'check_violation';
            END IF;
            RETURN NEW;
        END $$
        """
        for name, _, holds, message in _CHECKS
    ),
    *(
        f"""
        CREATE OR REPLACE TRIGGER billing_documents_{name} BEFORE INSERT ON billing_documents FOR EACH ROW
        WHEN ({when}) EXECUTE FUNCTION billing_documents_{name}()
        """
        for name, when, _, _ in _CHECKS
    ),
    """
    CREATE OR REPLACE FUNCTION billing_documents_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING ERRCODE = 'check_violation',
            MESSAGE = 'invoices: ' || TG_TABLE_NAME || ' has no ' || TG_OP;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER billing_documents_no_update
    BEFORE UPDATE OR DELETE OR TRUNCATE ON billing_documents EXECUTE FUNCTION billing_documents_refuse()
    """,
)
