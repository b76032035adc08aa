"""The plugin's GraphQL root fields that do something: each an operation, done once for its key."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import strawberry
from msgspec import Struct

from skyhook.plugin import Artifact, Asked, Call, GlobalID, Info, node_uuid, now
from skyhook_money import holds, movements, requests, tables, wallets
from skyhook_money.actions import Order, Work, id_of, once
from skyhook_money.inputs import (
    Amount,
    Key,
    MoneyHoldInput,
    MoneyRequestInput,
    MoneyTransferInput,
    MoneyWalletInput,
    WalletName,
    named,
    payment,
)
from skyhook_money.meters import HOLDS, REQUESTS, STATEMENTS, TRANSFERS, WALLETS
from skyhook_money.statements import as_csv, draw, seal
from skyhook_money.types import MoneyHold, MoneyRequest, MoneyTransfer, MoneyWallet

Row = TypeVar("Row", bound=tables.Base)

TransferId = Annotated[GlobalID, strawberry.argument(description="The id of a MoneyTransfer.")]
HoldId = Annotated[GlobalID, strawberry.argument(description="The id of a MoneyHold.")]
RequestId = Annotated[GlobalID, strawberry.argument(description="The id of a MoneyRequest.")]


class Done(Struct, frozen=True):
    """What an operation made or changed: its id."""

    id: UUID


class Period(Struct, frozen=True):
    """A wallet's statement to export."""

    wallet: str
    start: datetime | None
    end: datetime | None


@strawberry.type
class MoneyMutation:
    """Root fields that do something."""

    @strawberry.mutation(description="Opens a wallet in one currency.")
    async def money_wallet_create(
        self, info: Info, input: MoneyWalletInput, idempotency_key: Key = None
    ) -> MoneyWallet:
        """The new wallet."""
        caller = info.context.caller
        new = wallets.NewWallet(input.handle, input.name, input.currency)
        asked = _asked(info, "moneyWalletCreate", new, WALLETS, idempotency_key)
        made = await _do(info, asked, lambda session, id: wallets.create(session, id, caller, new))
        return MoneyWallet.of(await _row(info, tables.Wallet, made))

    @strawberry.mutation(description="Closes an empty wallet for good. Its statements stay.")
    async def money_wallet_close(
        self, info: Info, wallet: WalletName, idempotency_key: Key = None
    ) -> MoneyWallet:
        """The closed wallet."""
        context = info.context
        name = named(wallet, "wallet")
        asked = _asked(info, "moneyWalletClose", name, None, idempotency_key)
        async with context.services.database.read() as session:
            found = await wallets.find(session, context.caller, name)
        await _do(
            info, asked, lambda session, _: wallets.close(session, context.caller, str(found.id)), found.id
        )
        return MoneyWallet.of(await _row(info, tables.Wallet, found.id))

    @strawberry.mutation(description="Moves money from one of the organization's wallets to any wallet.")
    async def money_transfer(
        self, info: Info, input: MoneyTransferInput, idempotency_key: Key = None
    ) -> MoneyTransfer:
        """The transfer."""
        caller, pay = info.context.caller, payment(input)
        asked = _asked(info, "moneyTransfer", pay, TRANSFERS, idempotency_key)
        made = await _do(info, asked, lambda session, id: movements.transfer(session, id, caller, pay))
        return MoneyTransfer.of(await _row(info, tables.Transfer, made))

    @strawberry.mutation(description="Gives back what one of the organization's wallets was paid.")
    async def money_refund(
        self,
        info: Info,
        transfer: TransferId,
        amount: Amount = None,
        memo: Annotated[str, strawberry.argument(description="Why; both sides see it.")] = "",
        idempotency_key: Key = None,
    ) -> MoneyTransfer:
        """The refund, a transfer of its own."""
        caller = info.context.caller
        transfer_id = node_uuid(transfer, "MoneyTransfer", "transfer")
        units, currency = (amount.units, amount.currency) if amount else (None, None)
        refund = movements.Refund(transfer_id, units, currency, memo)
        asked = _asked(info, "moneyRefund", refund, TRANSFERS, idempotency_key)
        made = await _do(info, asked, lambda session, id: movements.refund(session, id, caller, refund))
        return MoneyTransfer.of(await _row(info, tables.Transfer, made))

    @strawberry.mutation(description="Sets money of one of the organization's wallets aside for any wallet.")
    async def money_hold(self, info: Info, input: MoneyHoldInput, idempotency_key: Key = None) -> MoneyHold:
        """The hold."""
        caller, pay = info.context.caller, payment(input)
        new = holds.NewHold(pay.payer, pay.payee, pay.units, pay.currency, pay.memo, input.expires_in)
        asked = _asked(info, "moneyHold", new, HOLDS, idempotency_key)
        made = await _do(info, asked, lambda session, id: holds.place(session, id, caller, new))
        return MoneyHold.of(await _row(info, tables.Hold, made))

    @strawberry.mutation(
        description="Moves what was set aside for one of the organization's wallets into it, or a part of it."
    )
    async def money_capture(
        self, info: Info, hold: HoldId, amount: Amount = None, idempotency_key: Key = None
    ) -> MoneyTransfer:
        """What moved."""
        caller = info.context.caller
        units, currency = (amount.units, amount.currency) if amount else (None, None)
        capture = holds.Capture(node_uuid(hold, "MoneyHold", "hold"), units, currency)
        asked = _asked(info, "moneyCapture", capture, TRANSFERS, idempotency_key)
        made = await _do(info, asked, lambda session, id: holds.capture(session, id, caller, capture))
        return MoneyTransfer.of(await _row(info, tables.Transfer, made))

    @strawberry.mutation(description="Lets go what remains of a hold for one of the organization's wallets.")
    async def money_release(self, info: Info, hold: HoldId, idempotency_key: Key = None) -> MoneyHold:
        """The released hold."""
        caller = info.context.caller
        hold_id = node_uuid(hold, "MoneyHold", "hold")
        asked = _asked(info, "moneyRelease", hold_id, None, idempotency_key)
        await _do(info, asked, lambda session, _: holds.release(session, caller, hold_id), hold_id)
        return MoneyHold.of(await _row(info, tables.Hold, hold_id))

    @strawberry.mutation(description="Asks any wallet for money for one of the organization's.")
    async def money_request(
        self, info: Info, input: MoneyRequestInput, idempotency_key: Key = None
    ) -> MoneyRequest:
        """The request."""
        caller, pay = info.context.caller, payment(input)
        new = requests.NewRequest(pay.payer, pay.payee, pay.units, pay.currency, pay.memo, input.expires_in)
        asked = _asked(info, "moneyRequest", new, REQUESTS, idempotency_key)
        made = await _do(info, asked, lambda session, id: requests.ask(session, id, caller, new))
        return MoneyRequest.of(await _row(info, tables.Request, made))

    @strawberry.mutation(description="Pays a request that one of the organization's wallets got.")
    async def money_request_accept(
        self, info: Info, request: RequestId, idempotency_key: Key = None
    ) -> MoneyTransfer:
        """What moved."""
        caller = info.context.caller
        request_id = node_uuid(request, "MoneyRequest", "request")
        asked = _asked(info, "moneyRequestAccept", request_id, TRANSFERS, idempotency_key)
        made = await _do(info, asked, lambda session, id: requests.accept(session, id, caller, request_id))
        return MoneyTransfer.of(await _row(info, tables.Transfer, made))

    @strawberry.mutation(description="Says no to a request that one of the organization's wallets got.")
    async def money_request_decline(
        self, info: Info, request: RequestId, idempotency_key: Key = None
    ) -> MoneyRequest:
        """The declined request."""
        caller = info.context.caller
        request_id = node_uuid(request, "MoneyRequest", "request")
        asked = _asked(info, "moneyRequestDecline", request_id, None, idempotency_key)
        await _do(info, asked, lambda session, _: requests.decline(session, caller, request_id), request_id)
        return MoneyRequest.of(await _row(info, tables.Request, request_id))

    @strawberry.mutation(description="Takes back a request that the organization made.")
    async def money_request_cancel(
        self, info: Info, request: RequestId, idempotency_key: Key = None
    ) -> MoneyRequest:
        """The cancelled request."""
        caller = info.context.caller
        request_id = node_uuid(request, "MoneyRequest", "request")
        asked = _asked(info, "moneyRequestCancel", request_id, None, idempotency_key)
        await _do(info, asked, lambda session, _: requests.cancel(session, caller, request_id), request_id)
        return MoneyRequest.of(await _row(info, tables.Request, request_id))

    @strawberry.mutation(
        description="A statement as a CSV file. It is final: nothing that moves later falls into its period."
    )
    async def money_statement_export(
        self,
        info: Info,
        wallet: WalletName,
        start: Annotated[
            datetime | None, strawberry.argument(name="from", description="Default: when it was opened.")
        ] = None,
        end: Annotated[
            datetime | None,
            strawberry.argument(name="to", description="The first moment not in it. Default: now."),
        ] = None,
        idempotency_key: Key = None,
    ) -> Artifact:
        """The file."""
        services, caller = info.context.services, info.context.caller
        period = Period(named(wallet, "wallet"), start, end)
        asked = _asked(info, "moneyStatementExport", period, STATEMENTS, idempotency_key)

        async def body(call: Call) -> Done:
            async with services.database.write() as session:
                (row,) = await wallets.lock(session, {"wallet": period.wallet})
                wallets.require_own(row, caller, "wallet")
                until = end or now()
                drawn = await draw(session, row, start or row.created_at, until)
                await seal(session, row, until)
            stored = await services.artifacts.put(
                caller.organization_id,
                as_csv(services.database, drawn),
                name=f"statement-{row.handle}.csv",
                media_type="text/csv",
                made_by=asked.operation,
                id=id_of(caller.organization_id, asked.idempotency_key),
            )
            call.quantities[STATEMENTS] = 1
            return Done(stored.id)

        answer = await services.operations.run(asked, Done, body)
        info.context.credit.add(answer.held, answer.charged)
        return Artifact.of(await services.artifacts.get(caller.organization_id, answer.result.id))


def _asked(info: Info, operation: str, arguments: Any, meter: str | None, key: str | None) -> Asked:
    return Asked(
        caller=info.context.caller,
        operation=operation,
        arguments=arguments,
        at_most={meter: 1} if meter else {},
        idempotency_key=info.context.next_idempotency_key(key),
    )


async def _do(info: Info, asked: Asked, work: Work, subject_id: UUID | None = None) -> UUID:
    """Runs an operation, whose work is done at most once for its key; the id of what it made or changed."""
    services = info.context.services
    order = Order(asked.operation, asked.caller, asked.idempotency_key, asked.fingerprint)

    async def body(call: Call) -> Done:
        made = await once(services.database, order, work, subject_id)
        call.quantities.update(asked.at_most)
        return Done(made)

    answer = await services.operations.run(asked, Done, body)
    info.context.credit.add(answer.held, answer.charged)
    made: UUID = answer.result.id
    return made


async def _row(info: Info, table: type[Row], id: UUID) -> Row:
    async with info.context.services.database.read() as session:
        row: Row = await session.get_one(table, id)
        return row
