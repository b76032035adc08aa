"""The plugin's scopes, and the core's one that it asks for."""

RUN = "code:run"
COMPLETE = "code:complete"
ARTIFACTS_READ = "artifacts:read"
