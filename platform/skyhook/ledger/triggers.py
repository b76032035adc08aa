"""The ledger's invariants as SQL: what keeps balances and holds true lives in the database.

Each statement can be run again without harm. The services recognize the names of checks and the messages.
"""

from __future__ import annotations

from sqlalchemy import DDL, Table, event

POSTINGS_VIEW = "ledger_postings"

_POSTINGS = """
SELECT transfer_id, id AS entry_id, debit_account_id AS account_id, asset, -amount AS amount, created_at
FROM ledger_entries
UNION ALL
SELECT transfer_id, id, credit_account_id, asset, amount, created_at
FROM ledger_entries
"""

SQLITE = (
    """
    CREATE TRIGGER IF NOT EXISTS ledger_accounts_start_empty BEFORE INSERT ON ledger_accounts
    WHEN NEW.balance <> 0 OR NEW.held <> 0
    BEGIN SELECT RAISE(ABORT, 'ledger: an account starts empty'); END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS ledger_entries_reversal BEFORE INSERT ON ledger_entries
    WHEN NEW.reverses_id IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'ledger: reversal exceeds its entry')
        WHERE NOT EXISTS (
            SELECT 1 FROM ledger_entries AS original
            WHERE original.id = NEW.reverses_id AND original.reverses_id IS NULL
              AND original.debit_account_id = NEW.credit_account_id
              AND original.credit_account_id = NEW.debit_account_id
              AND NEW.amount + (SELECT COALESCE(SUM(amount), 0) FROM ledger_entries
                                WHERE reverses_id = NEW.reverses_id) <= original.amount);
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS ledger_entries_apply AFTER INSERT ON ledger_entries
    BEGIN
        UPDATE ledger_holds SET remaining = remaining - NEW.amount WHERE id = NEW.hold_id;
        UPDATE ledger_accounts SET balance = balance - NEW.amount WHERE id = NEW.debit_account_id;
        UPDATE ledger_accounts SET balance = balance + NEW.amount WHERE id = NEW.credit_account_id;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS ledger_holds_set_aside AFTER INSERT ON ledger_holds
    BEGIN UPDATE ledger_accounts SET held = held + NEW.remaining WHERE id = NEW.account_id; END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS ledger_holds_change AFTER UPDATE OF remaining ON ledger_holds
    BEGIN
        UPDATE ledger_accounts SET held = held + NEW.remaining - OLD.remaining WHERE id = NEW.account_id;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS ledger_holds_keep BEFORE UPDATE ON ledger_holds
    WHEN NEW.account_id <> OLD.account_id OR (OLD.state <> 'open' AND NEW.state <> OLD.state)
    BEGIN SELECT RAISE(ABORT, 'ledger: a hold keeps its account and stays closed'); END
    """,
    *(
        f"""
        CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table}
        BEGIN SELECT RAISE(ABORT, 'ledger: {table} has no {verb}'); END
        """
        for table, verb in (
            ("ledger_entries", "UPDATE"),
            ("ledger_entries", "DELETE"),
            ("ledger_holds", "DELETE"),
        )
    ),
    f"CREATE VIEW IF NOT EXISTS {POSTINGS_VIEW} AS {_POSTINGS}",
)


def _function(name: str, body: str, declare: str = "") -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$body$ {declare} BEGIN {body} END $body$"
    )


POSTGRESQL = (
    _function(
        "ledger_refuse",
        """
        RAISE EXCEPTION USING ERRCODE = 'check_violation',
            MESSAGE = 'ledger: ' || TG_TABLE_NAME || ' has no ' || TG_OP;
        """,
    ),
    _function(
        "ledger_start_empty",
        """
        IF NEW.balance <> 0 OR NEW.held <> 0 THEN
            RAISE EXCEPTION 'ledger: an account starts empty' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
        """,
    ),
    # The lock on the original makes reversals of one entry wait for each other, so that their sum is true.
    _function(
        "ledger_reversal",
        """
        SELECT * INTO original FROM ledger_entries WHERE id = NEW.reverses_id FOR UPDATE;
        IF original.id IS NULL OR original.reverses_id IS NOT NULL
           OR original.debit_account_id <> NEW.credit_account_id
           OR original.credit_account_id <> NEW.debit_account_id
           OR NEW.amount + (SELECT COALESCE(SUM(amount), 0) FROM ledger_entries
                            WHERE reverses_id = NEW.reverses_id) > original.amount THEN
            RAISE EXCEPTION 'ledger: reversal exceeds its entry' USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
        """,
        declare="DECLARE original ledger_entries;",
    ),
    # Hold, then debit account, then credit account: every transaction locks in this order.
    _function(
        "ledger_apply",
        """
        IF NEW.hold_id IS NOT NULL THEN
            UPDATE ledger_holds SET remaining = remaining - NEW.amount WHERE id = NEW.hold_id;
        END IF;
        UPDATE ledger_accounts SET balance = balance - NEW.amount WHERE id = NEW.debit_account_id;
        UPDATE ledger_accounts SET balance = balance + NEW.amount WHERE id = NEW.credit_account_id;
        RETURN NULL;
        """,
    ),
    _function(
        "ledger_set_aside",
        """
        UPDATE ledger_accounts SET held = held + NEW.remaining WHERE id = NEW.account_id;
        RETURN NULL;
        """,
    ),
    _function(
        "ledger_hold_change",
        """
        UPDATE ledger_accounts SET held = held + NEW.remaining - OLD.remaining WHERE id = NEW.account_id;
        RETURN NULL;
        """,
    ),
    _function(
        "ledger_hold_keep",
        """
        RAISE EXCEPTION 'ledger: a hold keeps its account and stays closed' USING ERRCODE = 'check_violation';
        """,
    ),
    *(
        f"CREATE OR REPLACE TRIGGER {trigger} EXECUTE FUNCTION {function}()"
        for trigger, function in (
            (
                "ledger_accounts_start_empty BEFORE INSERT ON ledger_accounts FOR EACH ROW",
                "ledger_start_empty",
            ),
            (
                "ledger_entries_reversal BEFORE INSERT ON ledger_entries FOR EACH ROW "
                "WHEN (NEW.reverses_id IS NOT NULL)",
                "ledger_reversal",
            ),
            ("ledger_entries_apply AFTER INSERT ON ledger_entries FOR EACH ROW", "ledger_apply"),
            ("ledger_holds_set_aside AFTER INSERT ON ledger_holds FOR EACH ROW", "ledger_set_aside"),
            (
                "ledger_holds_change AFTER UPDATE OF remaining ON ledger_holds FOR EACH ROW",
                "ledger_hold_change",
            ),
            (
                "ledger_holds_keep BEFORE UPDATE ON ledger_holds FOR EACH ROW "
                "WHEN (NEW.account_id <> OLD.account_id OR (OLD.state <> 'open' AND NEW.state <> OLD.state))",
                "ledger_hold_keep",
            ),
            (
                "ledger_entries_no_update BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_entries",
                "ledger_refuse",
            ),
            ("ledger_holds_no_delete BEFORE DELETE OR TRUNCATE ON ledger_holds", "ledger_refuse"),
        )
    ),
    f"CREATE OR REPLACE VIEW {POSTINGS_VIEW} AS {_POSTINGS}",
)


def attach(entries: Table) -> None:
    """Makes the triggers and the view right after the entries table, the last of the ledger's, is made."""
    for dialect, statements in (("sqlite", SQLITE), ("postgresql", POSTGRESQL)):
        for statement in statements:
            event.listen(entries, "after_create", _ddl(statement).execute_if(dialect=dialect))
    event.listen(entries, "before_drop", _ddl(f"DROP VIEW IF EXISTS {POSTINGS_VIEW}"))


def _ddl(statement: str) -> DDL:
    return DDL(statement)  # type: ignore[no-untyped-call]
