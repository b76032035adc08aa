"""Chat functions: the local batching model and any OpenAI-compatible server."""
