"""What payments refuse."""

from __future__ import annotations

from skyhook.errors import SkyhookError


class PaymentsNotConfigured(SkyhookError):
    """This instance takes no cards."""

    code = "PAYMENTS_NOT_CONFIGURED"
    status = 501


class PaymentProviderUnavailable(SkyhookError):
    """Stripe cannot be reached, or refuses the instance's own requests."""

    code = "PAYMENT_PROVIDER_UNAVAILABLE"
    status = 503
    retryable = True


class CardDeclined(SkyhookError):
    """A saved card was not charged."""

    code = "CARD_DECLINED"
    status = 402


class NoSavedCard(SkyhookError):
    """There is no card to charge without its owner."""

    code = "NO_SAVED_CARD"
    status = 409


class RefundExceeds(SkyhookError):
    """More would be given back than may be."""

    code = "REFUND_EXCEEDS"
    status = 409


class SignatureInvalid(SkyhookError):
    """A webhook is not Stripe's, or is too old."""

    code = "SIGNATURE_INVALID"
    status = 400
