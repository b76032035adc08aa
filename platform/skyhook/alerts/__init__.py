"""Spending alerts: who looks after an organization's money is told before it is a surprise."""

from skyhook.alerts.service import Alerts

__all__ = ["Alerts"]
