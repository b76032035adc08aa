"""The plugin's scopes."""

READ = "money:read"
MANAGE = "money:manage"
MOVE = "money:move"
REQUEST = "money:request"
