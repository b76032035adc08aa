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


class PlanNotOffered(SkyhookError):
    """There is no such plan, or it was withdrawn."""

    code = "PLAN_NOT_OFFERED"
    status = 404


class AlreadyOnPlan(SkyhookError):
    """The plan is the organization's already, or will be with the next period."""

    code = "ALREADY_ON_PLAN"
    status = 409


class AlreadySubscribed(SkyhookError):
    """The organization has a subscription already."""

    code = "ALREADY_SUBSCRIBED"
    status = 409


class NotSubscribed(SkyhookError):
    """The organization has no subscription."""

    code = "NOT_SUBSCRIBED"
    status = 409


class SubscriptionPaymentPending(SkyhookError):
    """A payment for the plan is not made or not confirmed yet."""

    code = "SUBSCRIPTION_PAYMENT_PENDING"
    status = 409
