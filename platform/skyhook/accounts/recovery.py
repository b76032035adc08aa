"""Passwords that are forgotten, and passwords that are changed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts import audit
from skyhook.accounts.errors import LinkExpired
from skyhook.accounts.models import LoginFailure, PasswordReset, Session, User
from skyhook.accounts.passwords import check_password, hash_password
from skyhook.accounts.service import checked_email
from skyhook.accounts.throttle import count_mail
from skyhook.accounts.tokens import Tokens
from skyhook.clock import now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.mail.message import Letter
from skyhook.mail.service import Mail

RESET_WITHIN = timedelta(hours=1)


class Recovery:
    """Gives people a new password, by mail or in their account."""

    def __init__(self, database: Database, configuration: Configuration, secret: bytes, mail: Mail) -> None:
        self._database = database
        self._address = configuration.address
        self._tokens = Tokens(secret, b"password-resets")
        self._mail = mail

    async def ask(self, email: str, address: str) -> None:
        """Mails a link to choose a new password, if the address has an account.

        The mail is sent afterwards: neither the answer nor its time tells whether there is one.
        Raises InvalidInput, MailThrottled or MailFailed.
        """
        email = checked_email(email)
        await count_mail(self._database, email, address)
        await self._mail.check()
        token, token_hash = self._tokens.make()
        async with self._database.write() as session:
            await session.execute(delete(PasswordReset).where(PasswordReset.expires_at <= now()))
            user_id = await session.scalar(select(User.id).where(User.email == email))
            if user_id is None:
                return
            expires_at = now() + RESET_WITHIN
            session.add(PasswordReset(user_id=user_id, token_hash=token_hash, expires_at=expires_at))
        self._mail.send_later(
            Letter(
                email,
                "Choose a new password",
                [
                    "Somebody, probably you, asked to choose a new password for Skyhook.",
                    "The link works once, for an hour. If it was not you, do nothing: your password stays.",
                ],
                "Choose a new password",
                f"{self._address}/console/reset/{token}",
            )
        )

    async def user_of(self, token: str) -> User:
        """Whose link it is. Raises LinkExpired."""
        query = (
            select(User)
            .join(PasswordReset, PasswordReset.user_id == User.id)
            .where(PasswordReset.token_hash == self._tokens.hash(token), PasswordReset.expires_at > now())
        )
        async with self._database.read() as session:
            user = await session.scalar(query)
        if user is None:
            raise LinkExpired("This link has been used, or is too old. Ask for another one.")
        return user

    async def reset(self, token: str, password: str) -> User:
        """Sets a new password by a link, once; ends every session. Raises LinkExpired, or InvalidInput."""
        check_password(password)
        user = await self.user_of(token)
        password_hash = await asyncio.to_thread(hash_password, password)
        async with self._database.write() as session:
            used = await session.execute(
                delete(PasswordReset)
                .where(PasswordReset.token_hash == self._tokens.hash(token))
                .returning(PasswordReset.id)
            )
            if used.first() is None:
                raise LinkExpired("This link has been used. Ask for another one.")
            await self._set(session, user, password_hash, "password.reset")
            await session.execute(delete(Session).where(Session.user_id == user.id))
        return user

    async def change(self, user: User, session_id: UUID, password: str) -> None:
        """Sets a new password; ends the user's other sessions. Raises InvalidInput."""
        check_password(password)
        password_hash = await asyncio.to_thread(hash_password, password)
        async with self._database.write() as session:
            await self._set(session, user, password_hash, "password.changed")
            await session.execute(delete(Session).where(Session.user_id == user.id, Session.id != session_id))

    async def _set(self, session: AsyncSession, user: User, password_hash: str, action: str) -> None:
        await session.execute(update(User).where(User.id == user.id).values(password_hash=password_hash))
        await session.execute(delete(PasswordReset).where(PasswordReset.user_id == user.id))
        await session.execute(delete(LoginFailure).where(LoginFailure.email == user.email))
        await audit.record_of_user(session, user.id, action)
        self._mail.send_later(
            Letter(
                user.email,
                "Your password was changed",
                [
                    "The password of your Skyhook account was just changed.",
                    "If it was not you, choose a new one from the login page now, and tell an owner.",
                ],
            )
        )
