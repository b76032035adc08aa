"""Sign-up: an account and its organization, made when the e-mail address is confirmed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sqlalchemy import delete, select

from skyhook.accounts import audit
from skyhook.accounts.errors import LinkExpired, LoginFailed, SignUpClosed, SlugTaken
from skyhook.accounts.first_run import STARTING_CREDIT
from skyhook.accounts.models import Member, Organization, Role, SignUp, User
from skyhook.accounts.passwords import check_password, hash_password, verify_password
from skyhook.accounts.service import checked_email, checked_name, slugs_of
from skyhook.accounts.throttle import count_mail
from skyhook.accounts.tokens import Tokens
from skyhook.billing import credit
from skyhook.clock import now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.mail.message import Letter
from skyhook.mail.service import Mail
from skyhook.operations.caller import Caller

CONFIRMED_WITHIN = timedelta(hours=24)


class SignUps:
    """Takes sign-ups, and makes accounts of those that are confirmed."""

    def __init__(self, database: Database, configuration: Configuration, secret: bytes, mail: Mail) -> None:
        self.is_open = configuration.signup_is_open
        self._database = database
        self._address = configuration.address
        self._tokens = Tokens(secret, b"sign-ups")
        self._mail = mail

    async def ask(self, email: str, password: str, organization_name: str, address: str) -> None:
        """Sends the link that makes the account; to a known address, a mail that says it is known.

        Raises SignUpClosed, InvalidInput, MailThrottled or MailFailed; none of them tells who is known.
        """
        self._require_open()
        email, name = checked_email(email), checked_name(organization_name)
        check_password(password)
        await count_mail(self._database, email, address)
        password_hash = await asyncio.to_thread(hash_password, password)
        token, token_hash = self._tokens.make()
        row = SignUp(
            email=email,
            password_hash=password_hash,
            organization_name=name,
            token_hash=token_hash,
            expires_at=now() + CONFIRMED_WITHIN,
        )
        async with self._database.write() as session:
            await session.execute(delete(SignUp).where(SignUp.expires_at <= now()))
            known = await session.scalar(select(User.id).where(User.email == email))
            session.add(row)
        await self._mail.send(self._known(email) if known else self._new(email, name, token))

    async def pending(self, token: str) -> SignUp:
        """The sign-up that a link is of. Raises LinkExpired."""
        query = select(SignUp).where(SignUp.token_hash == self._tokens.hash(token), SignUp.expires_at > now())
        async with self._database.read() as session:
            found = await session.scalar(query)
        if found is None:
            raise LinkExpired("This link has been used, or is too old. Log in, or sign up once more.")
        return found

    async def confirm(self, token: str, password: str) -> tuple[User, Organization]:
        """Makes the account; the password shows that whoever has the mail is who signed up.

        Otherwise somebody could sign up for another's address and wait for them to follow the link.
        Raises LinkExpired, or LoginFailed.
        """
        self._require_open()
        found = await self.pending(token)
        if not await asyncio.to_thread(verify_password, found.password_hash, password):
            raise LoginFailed("This is not the password that you signed up with.", field="password")
        for slug in slugs_of(found.organization_name):
            try:
                return await self._make(found, slug)
            except SlugTaken:
                continue
        raise SlugTaken("Try once more: the organization's address was just taken.")

    async def _make(self, found: SignUp, slug: str) -> tuple[User, Organization]:
        user = User(email=found.email, name=found.email.partition("@")[0], password_hash=found.password_hash)
        organization = Organization(name=found.organization_name, slug=slug)
        async with self._database.write() as session:
            # Every sign-up of this address goes, so that one of them is confirmed, once.
            gone = await session.execute(
                delete(SignUp).where(SignUp.email == found.email).returning(SignUp.id)
            )
            known = await session.scalar(select(User.id).where(User.email == found.email))
            if found.id not in gone.scalars().all() or known:
                raise LinkExpired("This address has an account already. Log in.")
            if await session.scalar(select(Organization.id).where(Organization.slug == slug)):
                raise SlugTaken(f"An organization with the slug {slug!r} exists already.")
            session.add_all([user, organization])
            await session.flush()
            member = Member(organization_id=organization.id, user_id=user.id, role=Role.OWNER)
            session.add(member)
            caller = Caller(organization.id, user.id, None, frozenset({"*"}))
            audit.record(session, caller, "organization.created", organization.id, name=organization.name)
            await credit.grant(
                session, organization.id, STARTING_CREDIT, reason="starting credit", key="starting-credit"
            )
        return user, organization

    def _require_open(self) -> None:
        if not self.is_open:
            raise SignUpClosed("Accounts are made by the operator here. Ask them, or a member to invite you.")

    def _new(self, email: str, name: str, token: str) -> Letter:
        return Letter(
            email,
            "Confirm your e-mail address",
            [
                f"You signed up to Skyhook with this address, for the organization {name}.",
                "The link works for a day. If it was not you, do nothing: there is no account without it.",
            ],
            "Confirm and go on",
            f"{self._address}/console/signup/{token}",
        )

    def _known(self, email: str) -> Letter:
        return Letter(
            email,
            "You have an account already",
            [
                "Somebody, probably you, signed up to Skyhook with this address. It has an account already.",
                "Log in as before. If you forgot the password, choose another one from the login page. "
                "If it was not you, do nothing.",
            ],
            "Log in",
            f"{self._address}/console/login",
        )
