"""The money plugin: wallets, transfers, holds and requests on a double-entry ledger."""

from skyhook.plugin import Plugin

plugin = Plugin(name="money", version="0.1.0", title="Money")
