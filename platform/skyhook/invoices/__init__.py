"""Billing documents: invoices of each month, receipts of payments, credit and debit notes."""

from skyhook.invoices.service import Invoices

__all__ = ["Invoices"]
