"""The money plugin: wallets, transfers, holds and requests on a double-entry ledger."""

from skyhook.plugin import Meter, Operation, Plugin, Scope
from skyhook_money.meters import HOLDS, REQUESTS, STATEMENTS, TRANSFERS, WALLETS
from skyhook_money.mutations import MoneyMutation
from skyhook_money.playground import PLAYGROUND
from skyhook_money.schema import MoneyQuery, MoneySubscription
from skyhook_money.scopes import MANAGE, MOVE, READ, REQUEST
from skyhook_money.tables import Base

plugin = Plugin(
    name="money",
    version="0.1.0",
    title="Money",
    description="Wallets that pay, hold, request and refund money, on a double-entry ledger.",
    query=MoneyQuery,
    mutation=MoneyMutation,
    subscription=MoneySubscription,
    operations=(
        Operation("moneyWalletCreate", MANAGE, (WALLETS,)),
        Operation("moneyWalletClose", MANAGE),
        Operation("moneyTransfer", MOVE, (TRANSFERS,)),
        Operation("moneyRefund", MOVE, (TRANSFERS,)),
        Operation("moneyHold", MOVE, (HOLDS,)),
        Operation("moneyCapture", REQUEST, (TRANSFERS,)),
        Operation("moneyRelease", REQUEST),
        Operation("moneyRequest", REQUEST, (REQUESTS,)),
        Operation("moneyRequestAccept", MOVE, (TRANSFERS,)),
        Operation("moneyRequestDecline", MOVE),
        Operation("moneyRequestCancel", REQUEST),
        Operation("moneyStatementExport", READ, (STATEMENTS,)),
    ),
    meters=(
        Meter(WALLETS, "Wallets opened", "wallet", price=100_000),
        Meter(TRANSFERS, "Transfers", "transfer", price=100_000),
        Meter(HOLDS, "Holds", "hold", price=50_000),
        Meter(REQUESTS, "Requests for money", "request", price=50_000),
        Meter(STATEMENTS, "Statements exported", "statement", price=100_000),
    ),
    scopes=(
        Scope(READ, "See wallets, statements and what moves"),
        Scope(MANAGE, "Open and close wallets"),
        Scope(MOVE, "Pay, hold and refund money"),
        Scope(REQUEST, "Ask for money, and capture what is held for a wallet"),
    ),
    tables=Base.metadata,
    migrations="skyhook_money:migrations",
    commands="skyhook_money.commands:money",
    playground=PLAYGROUND,
)
