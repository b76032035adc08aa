"""Passkeys: a device shows who somebody is, at the login and before dangerous acts (WebAuthn)."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from skyhook.accounts import audit
from skyhook.accounts.challenges import Challenges
from skyhook.accounts.errors import PasskeyRefused, PasskeysTooMany, PasskeysUnavailable, PasskeyTaken
from skyhook.accounts.models import Passkey, User
from skyhook.accounts.service import checked_name
from skyhook.accounts.sessions import Sessions, Visitor
from skyhook.accounts.throttle import check_failures, count_failure
from skyhook.clock import now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.mail.message import Letter
from skyhook.mail.service import Mail

if TYPE_CHECKING:
    from skyhook.accounts.ceremonies import Ceremonies, Shown

MOST = 20
"""Of a user."""
LOG_IN = "log-in"


class Passkeys:
    """Makes the options that browsers are given, and checks what devices answer.

    A passkey is of one name, that of the server's public address: another server, or another name of this
    one, can neither ask for it nor use its answer.
    """

    def __init__(
        self, database: Database, configuration: Configuration, secret: bytes, mail: Mail, sessions: Sessions
    ) -> None:
        self._database = database
        self._challenges = Challenges(secret)
        self._mail = mail
        self._sessions = sessions
        self.origin, self._host = _origin(configuration.address)
        """Where browsers must have the page open."""
        self.are_possible = _is_secure(self.origin, self._host)

    async def of_user(self, user_id: UUID) -> Sequence[Passkey]:
        """A user's passkeys, oldest first."""
        async with self._database.read() as session:
            query = select(Passkey).where(Passkey.user_id == user_id).order_by(Passkey.id)
            return (await session.scalars(query)).all()

    async def options_to_add(self, visitor: Visitor) -> dict[str, Any]:
        """What `navigator.credentials.create` is asked for. Raises PasskeysUnavailable."""
        self._require_possible()
        challenge = self._challenges.make(_adding(visitor))
        return self._ceremonies.options_to_make(visitor.user, challenge, await self._known(visitor))

    def options_to_log_in(self) -> dict[str, Any]:
        """What `navigator.credentials.get` is asked for, of whoever it is. Raises PasskeysUnavailable."""
        return self._options(LOG_IN, [])

    async def options_again(self, visitor: Visitor) -> dict[str, Any]:
        """The same for a user who shall show once more who they are. Raises PasskeysUnavailable."""
        return self._options(_again(visitor), await self._known(visitor))

    async def add(self, visitor: Visitor, name: str, answer: str) -> Passkey:
        """Keeps the passkey that a device has made.

        Raises InvalidInput for its name, PasskeyRefused, PasskeyTooLate, PasskeyTaken or PasskeysTooMany.
        """
        self._require_possible()
        name = checked_name(name)
        made = self._ceremonies.made(answer)
        passkey = Passkey(
            user_id=visitor.user.id,
            name=name,
            credential_id=made.credential_id,
            public_key=made.public_key,
            sign_count=made.sign_count,
        )
        async with self._database.write() as session:
            await self._challenges.use(session, _adding(visitor), made.challenge)
            count = select(func.count()).select_from(Passkey).where(Passkey.user_id == visitor.user.id)
            if (await session.scalar(count) or 0) >= MOST:
                raise PasskeysTooMany(f"You have {MOST} passkeys. Remove one that you do not use.")
            await audit.record_of_user(session, visitor.user.id, "passkey.added", name=name)
            session.add(passkey)
            try:
                await session.flush()
            except IntegrityError as error:
                raise PasskeyTaken("This passkey belongs to an account already.") from error
        self._tell(visitor.user, f"The passkey {name} was just added to", "remove it")
        return passkey

    async def remove(self, visitor: Visitor, passkey_id: UUID) -> None:
        """Forgets a passkey of the visitor. Raises NotFound."""
        async with self._database.write() as session:
            gone = await session.execute(
                delete(Passkey)
                .where(Passkey.id == passkey_id, Passkey.user_id == visitor.user.id)
                .returning(Passkey.name)
            )
            if (name := gone.scalar()) is None:
                raise NotFound("You have no such passkey.")
            await audit.record_of_user(session, visitor.user.id, "passkey.removed", name=name)
        self._tell(visitor.user, f"The passkey {name} was just removed from", "choose a new password")

    async def log_in(self, answer: str, address: str, user_agent: str) -> str:
        """A new session's token. Raises PasskeyRefused, PasskeyTooLate or LoginThrottled."""
        user = await self._user_of(answer, LOG_IN, address)
        return await self._sessions.open(user, address, user_agent)

    async def authenticate(self, visitor: Visitor, answer: str, address: str) -> str:
        """The session's new token, after its user has shown once more who they are. Raises as `log_in`."""
        await self._user_of(answer, _again(visitor), address, visitor.user)
        return await self._sessions.renew(visitor)

    async def _user_of(self, answer: str, purpose: str, address: str, wanted: User | None = None) -> User:
        """Whose passkey has answered a challenge of this purpose, now and for the first time."""
        self._require_possible()
        shown = self._ceremonies.shown(answer)
        # Counted as logins by password are; in the place of the e-mail address is what names the passkey.
        tried_as = f"passkey {hashlib.sha256(shown.credential_id).hexdigest()}"
        await check_failures(self._database, tried_as, address)
        try:
            return await self._verify(shown, purpose, wanted)
        except PasskeyRefused:
            await count_failure(self._database, tried_as, address)
            raise

    async def _verify(self, shown: Shown, purpose: str, wanted: User | None) -> User:
        async with self._database.read() as session:
            query = select(Passkey, User).join(User, User.id == Passkey.user_id)
            row = (await session.execute(query.where(Passkey.credential_id == shown.credential_id))).first()
        if row is None or (wanted is not None and row.User.id != wanted.id):
            raise PasskeyRefused()
        passkey: Passkey = row.Passkey
        user: User = row.User
        if shown.user_handle not in (user.id.bytes, None if wanted else user.id.bytes):
            raise PasskeyRefused()
        sign_count = self._ceremonies.verify(shown, passkey.public_key, passkey.sign_count)
        async with self._database.write() as session:
            await self._challenges.use(session, purpose, shown.challenge)
            # As it was when it was checked: of two answers at once with one count, one may be a copy's.
            used = await session.execute(
                update(Passkey)
                .where(Passkey.id == passkey.id, Passkey.sign_count == passkey.sign_count)
                .values(sign_count=sign_count, used_at=now())
                .returning(Passkey.id)
            )
            if used.first() is None:
                raise PasskeyRefused()
        return user

    def _options(self, purpose: str, known: list[bytes]) -> dict[str, Any]:
        self._require_possible()
        return self._ceremonies.options_to_show(self._challenges.make(purpose), known)

    @cached_property
    def _ceremonies(self) -> Ceremonies:
        from skyhook.accounts.ceremonies import Ceremonies

        return Ceremonies(self._host, self.origin)

    async def _known(self, visitor: Visitor) -> list[bytes]:
        return [one.credential_id for one in await self.of_user(visitor.user.id)]

    def _require_possible(self) -> None:
        if not self.are_possible:
            raise PasskeysUnavailable(
                f"Browsers know no passkeys of {self.origin}. The operator sets SKYHOOK_PUBLIC_URL to an "
                "address with a name and https."
            )

    def _tell(self, user: User, what: str, remedy: str) -> None:
        text = f"If it was not you, log in, {remedy}, and log out everywhere else."
        self._mail.send_later(
            Letter(user.email, "Your passkeys have changed", [f"{what} your Skyhook account.", text])
        )


def _adding(visitor: Visitor) -> str:
    return f"add {visitor.session.id}"


def _again(visitor: Visitor) -> str:
    return f"again {visitor.session.id}"


def _origin(address: str) -> tuple[str, str]:
    """An address as browsers write the origin of its pages, and its host's name."""
    url = urlsplit(address)
    host = url.hostname or ""
    is_usual = url.port in (None, {"http": 80, "https": 443}.get(url.scheme))
    return f"{url.scheme}://{host}{'' if is_usual else f':{url.port}'}", host


def _is_secure(origin: str, host: str) -> bool:
    """Whether browsers let pages of an origin use passkeys: a name, by https or on the same machine."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return origin.startswith("https://") or host == "localhost"
    return False
