"""Payments: credit that organizations buy by card, through Stripe, and what becomes of it there."""

from skyhook.payments.service import Payments

__all__ = ["Payments"]
