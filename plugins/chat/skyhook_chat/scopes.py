"""The plugin's scopes."""

COMPLETE = "chat:complete"
READ = "chat:read"
WRITE = "chat:write"
