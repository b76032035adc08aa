"""The plugin's scopes."""

OPERATE = "macrohard:operate"
READ = "macrohard:read"
