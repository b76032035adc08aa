"""The services of one process, built once and shared by GraphQL, HTTP, the console and the CLI."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from http.cookies import Morsel, SimpleCookie

from skyhook.accounts.audit import AuditLog
from skyhook.accounts.invitations import Invitations
from skyhook.accounts.passkeys import Passkeys
from skyhook.accounts.recovery import Recovery
from skyhook.accounts.service import Accounts
from skyhook.accounts.sessions import COOKIE, Sessions
from skyhook.accounts.sign_up import SignUps
from skyhook.alerts import Alerts
from skyhook.artifacts.provenance import Notary
from skyhook.artifacts.service import Artifacts
from skyhook.billing import Billing
from skyhook.catalogue.service import Catalogue
from skyhook.compute.backend import Compute
from skyhook.compute.choice import compute_of
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.graphql.head import Head
from skyhook.graphql.watching import Check
from skyhook.invoices import Invoices
from skyhook.jobs.runner import Tools
from skyhook.jobs.service import Jobs
from skyhook.keys.authentication import Authentication
from skyhook.keys.rate import RateLimits
from skyhook.keys.service import Keys
from skyhook.mail.post import Post
from skyhook.mail.service import Mail
from skyhook.operations.asks import Asks
from skyhook.operations.caller import Caller
from skyhook.operations.run import Operations
from skyhook.payments import Payments
from skyhook.payments.subscriptions import Subscriptions
from skyhook.plugins.configuring import PluginSettings
from skyhook.plugins.failures import Failures
from skyhook.plugins.host import PluginHost
from skyhook.plugins.switches import Switches
from skyhook.scopes import CORE_SCOPES
from skyhook.usage.activity import Activity
from skyhook.webhooks.service import Webhooks


@dataclass(frozen=True, slots=True)
class Services:
    """What a resolver, a page or a command can use."""

    configuration: Configuration
    database: Database
    plugins: PluginHost
    switches: Switches
    settings: PluginSettings
    failures: Failures
    accounts: Accounts
    sessions: Sessions
    passkeys: Passkeys
    mail: Mail
    post: Post
    sign_ups: SignUps
    recovery: Recovery
    invitations: Invitations
    audit_log: AuditLog
    artifacts: Artifacts
    notary: Notary
    authentication: Authentication
    keys: Keys
    rate_limits: RateLimits
    billing: Billing
    activity: Activity
    catalogue: Catalogue
    compute: Compute
    operations: Operations
    asks: Asks
    jobs: Jobs
    payments: Payments
    subscriptions: Subscriptions
    alerts: Alerts
    invoices: Invoices
    webhooks: Webhooks
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once another process serves, or this one is told to stop: what streams on and on ends, so that
    nobody waits for it, and its readers come to the next process."""

    @classmethod
    def build(cls, configuration: Configuration, plugins: PluginHost) -> Services:
        """Builds the services; nothing is started and nothing is read from the database yet."""
        database = Database(configuration.database_url)
        secret = configuration.secret()
        authentication = Authentication(database, secret)
        scopes = frozenset(scope.name for scope in (*CORE_SCOPES, *plugins.scopes))
        billing = Billing(database)
        activity = Activity(database)
        catalogue = Catalogue(database, billing.load_prices)
        catalogue.bring(plugins.loaded)
        compute = compute_of(configuration, catalogue.bundled_folders)
        artifacts = Artifacts(database, configuration, secret)
        notary = Notary(configuration)
        webhooks = Webhooks(database, secret, allow_private=configuration.webhooks_allow_private)
        switches = Switches(database, plugins, authentication.forget_organization)
        settings = PluginSettings(database, secret, plugins)
        failures = Failures(database)
        operations = Operations(billing, compute, plugins.operations, failures, activity)
        asks = Asks(operations, catalogue, plugins.operations)
        caller_of = authentication.caller_of
        mail = Mail(configuration.smtp_url, configuration.mail_from, configuration.data / "mail")
        post = Post(database, mail)
        payments = Payments(database, configuration, post)
        tools = Tools(artifacts, notary, catalogue, compute, asks, caller_of, switches, settings, failures)
        sessions = Sessions(database, secret, scopes)
        return cls(
            configuration=configuration,
            database=database,
            plugins=plugins,
            switches=switches,
            settings=settings,
            failures=failures,
            accounts=Accounts(database),
            sessions=sessions,
            passkeys=Passkeys(database, configuration, secret, mail, sessions),
            mail=mail,
            post=post,
            sign_ups=SignUps(database, configuration, secret, mail),
            recovery=Recovery(database, configuration, secret, mail),
            invitations=Invitations(database, configuration, secret, mail),
            audit_log=AuditLog(database),
            artifacts=artifacts,
            notary=notary,
            authentication=authentication,
            keys=Keys(database, authentication, secret, scopes),
            rate_limits=RateLimits(database),
            billing=billing,
            activity=activity,
            catalogue=catalogue,
            compute=compute,
            operations=operations,
            asks=asks,
            jobs=Jobs(database, configuration, billing, webhooks, plugins.operations, tools, activity),
            payments=payments,
            subscriptions=Subscriptions(database, payments),
            alerts=Alerts(database, configuration, post, webhooks),
            invoices=Invoices(database, configuration, plugins),
            webhooks=webhooks,
        )

    async def authenticate(self, head: Head) -> Caller | None:
        """Who sends a request: a key, or a page in the name of who is logged in; None where it names nobody.

        Raises what `Authentication.authenticate` raises, SessionEnded or NotFound.
        """
        if head.organization is not None and head.is_of_session:
            return await self.sessions.caller_of(_session_token(head), head.organization)
        return await self.authentication.authenticate(head.authorization, head.client_address)

    async def watch(self, head: Head) -> Check | None:
        """What tells whether the session lasts in which a stream begins; None for one that has a key.

        Raises SessionEnded or NotFound.
        """
        if head.organization is None or not head.is_of_session:
            return None
        place = await self.sessions.place_of(_session_token(head), head.organization)
        return partial(self.sessions.check, place)

    async def start(self, *, beside_another: bool = False) -> None:
        """Starts what works in the background. The database must be up to date.

        On SQLite a process is the only one, unless it takes over from one that still runs: `beside_another`.
        Where one thing cannot be started what was started before it is ended again, and the error raised.
        """
        try:
            await self._start(beside_another=beside_another)
        except BaseException:
            await self.close()
            raise

    async def _start(self, *, beside_another: bool) -> None:
        await self.settings.start()
        await self.seed_prices()
        await self.billing.start()
        await self.activity.start()
        await self.authentication.start()
        await self.failures.start()
        await self.artifacts.start()
        await self.compute.start()
        await self.webhooks.start()
        await self.jobs.start(beside_another=beside_another)
        await self.post.start()
        await self.payments.start()
        await self.alerts.start()
        await self.invoices.start()

    async def seed_prices(self) -> None:
        """Adds the prices of the plugins' manifests where the price list has none."""
        models = {model.name: model for plugin in self.plugins.loaded for model in plugin.every_model}
        await self.billing.seed_prices(self.plugins.meters, models.values())

    async def close(self) -> None:
        """Ends what works in the background; every call that was served is charged first."""
        await self.alerts.close()
        await self.invoices.close()
        await self.payments.close()
        await self.post.close()
        await self.mail.close()
        await self.jobs.close()
        await self.compute.close()
        await self.webhooks.close()
        await self.activity.close()
        await self.billing.close()
        await self.artifacts.close()
        await self.failures.close()
        await self.settings.close()
        await self.authentication.close()
        await self.database.close()


def _session_token(head: Head) -> str | None:
    cookies: dict[str, Morsel[str]] = SimpleCookie(head.cookie)
    return cookies[COOKIE].value if COOKIE in cookies else None
