"""What the plugin counts."""

SANDBOX_MS = "code.sandbox_ms"
INPUT_TOKENS = "code.input_tokens"
OUTPUT_TOKENS = "code.output_tokens"
