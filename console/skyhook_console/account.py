"""What belongs to the visitor alone: their password, and the browsers they are logged in with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post

from skyhook.accounts.errors import LoginThrottled, WrongPassword
from skyhook.accounts.passwords import check_password
from skyhook.errors import InvalidInput, SkyhookError
from skyhook_console.visiting import Http, Visit, go


@get("/account")
async def account_page(visit: Visit) -> Response[str]:
    """The visitor's password and sessions."""
    return await _page(visit)


@post("/account/password", status_code=200)
async def change_password(request: Http, visit: Visit) -> Response[str]:
    """A new password in the place of the old one; ends the visitor's other sessions."""
    form = await request.form()
    visitor, services = visit.visitor, visit.services
    try:
        check_password(str(form.get("new_password") or ""))
        token = await services.sessions.authenticate(visitor, str(form.get("password") or ""), visit.address)
        visit.keep(token)
        await services.recovery.change(visitor.user, visitor.session.id, str(form.get("new_password") or ""))
    except WrongPassword as error:
        return await _page(visit, error, "password")
    except InvalidInput as error:
        return await _page(visit, error, "new_password")
    except LoginThrottled as error:
        return await _page(visit, error)
    return await _page(visit, done="Your password is changed. You are logged out everywhere else.")


@post("/account/sessions/{session_id:uuid}/end", status_code=200)
async def end_session(visit: Visit, session_id: UUID) -> Response[str]:
    """Logs the visitor out of one of their browsers."""
    await visit.services.sessions.end(visit.visitor.user.id, session_id)
    return go(visit.request, "/console/account")


@post("/account/sessions/end-others", status_code=200)
async def end_other_sessions(visit: Visit) -> Response[str]:
    """Logs the visitor out everywhere else."""
    if (asked := await visit.ask_again()) is not None:
        return asked
    await visit.services.sessions.end_others(visit.visitor)
    return go(visit.request, "/console/account")


async def _page(
    visit: Visit, error: SkyhookError | None = None, field: str | None = None, done: str | None = None
) -> Response[str]:
    return visit.page(
        "account.html",
        status=error.status if error else 200,
        sessions=await visit.services.sessions.of_user(visit.visitor.user.id),
        passkeys=await visit.services.passkeys.of_user(visit.visitor.user.id),
        may_use_passkeys=visit.may_use_passkeys,
        passkeys_at=visit.services.passkeys.origin if visit.services.passkeys.are_possible else None,
        error=error and error.message,
        field=field,
        done=done,
    )


HANDLERS: list[Any] = [account_page, change_password, end_other_sessions, end_session]
