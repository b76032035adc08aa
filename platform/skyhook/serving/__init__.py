"""The server's processes: one that serves, and how it hands over to the next without losing a request."""
