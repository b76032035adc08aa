"""The core's own scopes; plugins bring theirs in their manifests."""

from skyhook.plugins.manifest import Scope

ACCOUNT_READ = "account:read"
ACCOUNT_WRITE = "account:write"
ARTIFACTS_READ = "artifacts:read"
ARTIFACTS_WRITE = "artifacts:write"
JOBS_READ = "jobs:read"
JOBS_WRITE = "jobs:write"
KEYS_READ = "keys:read"
KEYS_WRITE = "keys:write"
USAGE_READ = "usage:read"
BILLING_READ = "billing:read"
BILLING_WRITE = "billing:write"
WEBHOOKS_READ = "webhooks:read"
WEBHOOKS_WRITE = "webhooks:write"

CORE_SCOPES = (
    Scope(ACCOUNT_READ, "See the organization and its members"),
    Scope(ACCOUNT_WRITE, "Change members and their roles, switch plugins on and off"),
    Scope(ARTIFACTS_READ, "See the organization's artifacts and link to them"),
    Scope(ARTIFACTS_WRITE, "Upload and delete artifacts"),
    Scope(JOBS_READ, "See jobs and what they made"),
    Scope(JOBS_WRITE, "Cancel and repeat jobs, make batches"),
    Scope(KEYS_READ, "See the organization's keys"),
    Scope(KEYS_WRITE, "Create, rotate and revoke keys"),
    Scope(USAGE_READ, "See usage and what it cost"),
    Scope(BILLING_READ, "See the balance, payments and the price list"),
    Scope(BILLING_WRITE, "Buy credit by card, manage cards and automatic payments"),
    Scope(WEBHOOKS_READ, "See webhook endpoints, events and deliveries"),
    Scope(WEBHOOKS_WRITE, "Create, change and delete webhook endpoints, rotate their secrets, replay"),
)
