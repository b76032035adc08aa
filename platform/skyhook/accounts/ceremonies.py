"""What browsers and devices say to each other of passkeys, by the webauthn library (Web Authentication).

The library takes half a second to import: `passkeys` imports this when somebody first uses one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import webauthn
from webauthn.helpers import (
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from skyhook.accounts.challenges import ANSWERED_WITHIN
from skyhook.accounts.errors import PasskeyRefused
from skyhook.accounts.models import User

_TIMEOUT_MS = int(ANSWERED_WITHIN.total_seconds() * 1000)

T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Made:
    """A passkey that a device has made, and the challenge that it answered."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    challenge: bytes


@dataclass(frozen=True, slots=True)
class Shown:
    """What a device says with one of its passkeys; not to be believed before `Ceremonies.verify`."""

    credential: AuthenticationCredential
    challenge: bytes

    @property
    def credential_id(self) -> bytes:
        """Names the passkey."""
        return self.credential.raw_id

    @property
    def user_handle(self) -> bytes | None:
        """Whose it is, as the device was told when it was made."""
        return self.credential.response.user_handle


class Ceremonies:
    """Those of one name of the server: another server can neither ask for its passkeys nor use an answer."""

    def __init__(self, host: str, origin: str) -> None:
        self._host = host
        self._origin = origin

    def options_to_make(self, user: User, challenge: bytes, known: Iterable[bytes]) -> dict[str, Any]:
        """What `navigator.credentials.create` is asked for; a device of the `known` passkeys makes none."""
        return options_to_json_dict(
            webauthn.generate_registration_options(
                rp_id=self._host,
                rp_name="Skyhook",
                user_id=user.id.bytes,
                user_name=user.email,
                user_display_name=user.name,
                challenge=challenge,
                timeout=_TIMEOUT_MS,
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.REQUIRED,
                    user_verification=UserVerificationRequirement.REQUIRED,
                ),
                exclude_credentials=_descriptors(known),
            )
        )

    def options_to_show(self, challenge: bytes, known: Iterable[bytes]) -> dict[str, Any]:
        """What `navigator.credentials.get` is asked for: one of the `known`, or any passkey if none is."""
        return options_to_json_dict(
            webauthn.generate_authentication_options(
                rp_id=self._host,
                challenge=challenge,
                timeout=_TIMEOUT_MS,
                allow_credentials=_descriptors(known),
                user_verification=UserVerificationRequirement.REQUIRED,
            )
        )

    def made(self, answer: str) -> Made:
        """What a device has made, checked. Raises PasskeyRefused."""
        given = _checked(lambda: parse_registration_credential_json(answer))
        challenge = _challenge_of(given.response.client_data_json)
        verified = _checked(
            lambda: webauthn.verify_registration_response(
                credential=given,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        )
        return Made(verified.credential_id, verified.credential_public_key, verified.sign_count, challenge)

    def shown(self, answer: str) -> Shown:
        """What a device says, not checked yet. Raises PasskeyRefused for what cannot be read."""
        given = _checked(lambda: parse_authentication_credential_json(answer))
        return Shown(given, _challenge_of(given.response.client_data_json))

    def verify(self, shown: Shown, public_key: bytes, sign_count: int) -> int:
        """The uses of the passkey by now, shown by who has its private key. Raises PasskeyRefused."""
        verified = _checked(
            lambda: webauthn.verify_authentication_response(
                credential=shown.credential,
                expected_challenge=shown.challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                credential_public_key=public_key,
                credential_current_sign_count=sign_count,
                require_user_verification=True,
            )
        )
        return verified.new_sign_count


def _descriptors(known: Iterable[bytes]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=one) for one in known]


def _challenge_of(client_data: bytes) -> bytes:
    return _checked(lambda: parse_client_data_json(client_data).challenge)


def _checked(check: Callable[[], T]) -> T:
    """What a check of the library returns. Raises PasskeyRefused, whatever was wrong."""
    try:
        return check()
    except Exception as error:  # of parsers, of cryptography, of what it finds: they have no common class
        _log.warning("A passkey was refused: %r", error)
        raise PasskeyRefused() from error
