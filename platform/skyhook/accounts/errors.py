"""Errors of accounts."""

from skyhook.errors import Forbidden, SkyhookError


class EmailTaken(SkyhookError):
    """A user with this address exists."""

    code = "EMAIL_TAKEN"


class SlugTaken(SkyhookError):
    """An organization with this slug exists."""

    code = "SLUG_TAKEN"


class LoginFailed(SkyhookError):
    """The e-mail address and the password do not belong together; which of them is wrong is not said."""

    code = "LOGIN_FAILED"
    status = 401


class SessionEnded(SkyhookError):
    """A page asks in the name of somebody who is not logged in any more."""

    code = "SESSION_ENDED"
    status = 401


class LoginThrottled(SkyhookError):
    """Too many logins were refused for this e-mail address, or from this network address."""

    code = "LOGIN_THROTTLED"
    status = 429
    retryable = True


class AdministratorNeeded(Forbidden):
    """Only an administrator of the instance may do this."""

    code = "ADMINISTRATOR_NEEDED"


class LastOwner(SkyhookError):
    """An organization always keeps one owner."""

    code = "LAST_OWNER"


class MailThrottled(SkyhookError):
    """Too many mails were asked for, for this e-mail address or from this network address."""

    code = "MAIL_THROTTLED"
    status = 429
    retryable = True


class SignUpClosed(SkyhookError):
    """The operator of this instance makes its accounts."""

    code = "SIGN_UP_CLOSED"
    status = 403


class LinkExpired(SkyhookError):
    """A link of a mail is too old, was used before, or was never sent."""

    code = "LINK_EXPIRED"
    status = 404


class RoleTooHigh(Forbidden):
    """Nobody gives or takes a role above their own."""

    code = "ROLE_TOO_HIGH"


class AlreadyMember(SkyhookError):
    """This person is a member already."""

    code = "ALREADY_MEMBER"


class WrongPassword(SkyhookError):
    """The password that somebody who is logged in gave is not theirs."""

    code = "WRONG_PASSWORD"


class PasskeysUnavailable(SkyhookError):
    """Browsers know passkeys only of servers that have a name and https."""

    code = "PASSKEYS_UNAVAILABLE"


class PasskeyRefused(SkyhookError):
    """A passkey's answer proves nothing; why is not said, nor whether the passkey is known."""

    code = "PASSKEY_REFUSED"
    status = 401

    def __init__(self) -> None:
        super().__init__("This passkey was not accepted. Try another one, or your password.")


class PasskeyTooLate(SkyhookError):
    """A passkey's answer is to a challenge that is too old, or that was answered before."""

    code = "PASSKEY_TOO_LATE"


class PasskeyTaken(SkyhookError):
    """This passkey belongs to an account already."""

    code = "PASSKEY_TAKEN"


class PasskeysTooMany(SkyhookError):
    """The account has as many passkeys as it may."""

    code = "PASSKEYS_TOO_MANY"
