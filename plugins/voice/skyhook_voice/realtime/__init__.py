"""Spoken conversations over a WebSocket, in the core of OpenAI's Realtime protocol."""
