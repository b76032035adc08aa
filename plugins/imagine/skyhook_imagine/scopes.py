"""The plugin's scopes, and the core's that it asks for."""

GENERATE = "imagine:generate"
READ = "imagine:read"
ARTIFACTS_READ = "artifacts:read"
"""Needed where a request names an artifact that is to be worked on."""
