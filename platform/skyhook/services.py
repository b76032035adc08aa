"""The services of one process, built once and shared by GraphQL, HTTP, the console and the CLI."""

from __future__ import annotations

from dataclasses import dataclass

from skyhook.accounts.service import Accounts
from skyhook.accounts.sessions import Sessions
from skyhook.artifacts.provenance import Notary
from skyhook.artifacts.service import Artifacts
from skyhook.billing import Billing
from skyhook.catalogue.service import Catalogue
from skyhook.compute.backend import Compute
from skyhook.compute.local import LocalCompute
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.jobs.runner import Tools
from skyhook.jobs.service import Jobs
from skyhook.keys.authentication import Authentication
from skyhook.keys.rate import RateLimits
from skyhook.keys.service import Keys
from skyhook.operations.asks import Asks
from skyhook.operations.run import Operations
from skyhook.plugins.host import PluginHost
from skyhook.scopes import CORE_SCOPES
from skyhook.usage.activity import Activity
from skyhook.webhooks.service import Webhooks


@dataclass(frozen=True, slots=True)
class Services:
    """What a resolver, a page or a command can use."""

    configuration: Configuration
    database: Database
    plugins: PluginHost
    accounts: Accounts
    sessions: Sessions
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
    webhooks: Webhooks

    @classmethod
    def build(cls, configuration: Configuration, plugins: PluginHost) -> Services:
        """Builds the services; nothing is started and nothing is read from the database yet."""
        database = Database(configuration.database_url)
        secret = configuration.secret()
        authentication = Authentication(database, secret)
        scopes = frozenset(scope.name for scope in (*CORE_SCOPES, *plugins.scopes))
        billing = Billing(database)
        activity = Activity(database)
        compute = LocalCompute(configuration)
        catalogue = Catalogue(database, billing.load_prices)
        catalogue.bring(plugins.loaded)
        artifacts = Artifacts(database, configuration, secret)
        notary = Notary(configuration)
        webhooks = Webhooks(database, secret, allow_private=configuration.webhooks_allow_private)
        operations = Operations(billing, compute, plugins.operations, activity)
        asks = Asks(operations, catalogue, plugins.operations)
        tools = Tools(artifacts, notary, catalogue, compute, asks, authentication.caller_of)
        return cls(
            configuration=configuration,
            database=database,
            plugins=plugins,
            accounts=Accounts(database),
            sessions=Sessions(database, secret, scopes),
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
            webhooks=webhooks,
        )

    async def start(self) -> None:
        """Starts what works in the background. The database must be up to date."""
        await self.seed_prices()
        await self.billing.start()
        await self.activity.start()
        await self.authentication.start()
        await self.artifacts.start()
        await self.compute.start()
        await self.webhooks.start()
        await self.jobs.start()

    async def seed_prices(self) -> None:
        """Adds the prices of the plugins' manifests where the price list has none."""
        models = [model for plugin in self.plugins.loaded for model in plugin.models]
        await self.billing.seed_prices(self.plugins.meters, models)

    async def close(self) -> None:
        """Ends what works in the background; every call that was served is charged first."""
        await self.jobs.close()
        await self.compute.close()
        await self.webhooks.close()
        await self.activity.close()
        await self.billing.close()
        await self.artifacts.close()
        await self.authentication.close()
        await self.database.close()
