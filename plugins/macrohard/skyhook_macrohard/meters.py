"""What the plugin counts."""

STEPS = "macrohard.steps"
BROWSER_SECONDS = "macrohard.browser_seconds"
