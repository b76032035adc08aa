"""What the plugin counts."""

SANDBOX_MS = "code.sandbox_ms"
