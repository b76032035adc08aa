"""However many rows a request shows, the number of its database queries stays the same."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select

from skyhook.accounts.models import Member, Role
from skyhook.app import compose_schema
from skyhook.clock import now
from skyhook.configuration import Configuration
from skyhook.graphql.budget import Unlimited
from skyhook.graphql.context import Context
from skyhook.graphql.engine import ANSWERS, Engine, Request
from skyhook.graphql.limits import Limits
from skyhook.jobs.models import Job
from skyhook.keys.service import KeyLimits
from skyhook.operations.caller import Caller
from skyhook.plugins.host import PluginHost
from skyhook.services import Services
from skyhook_macrohard.tables import StoredStep, StoredTask

ORGANIZATION = "{ viewer { user { email } organization { id %s } } }"
QUERIES = [
    ORGANIZATION % "keys(first: 50) { edges { node { id name } } }",
    ORGANIZATION % "members(first: 50) { edges { node { role user { email } } } }",
    ORGANIZATION % "usageEvents(first: 50) { edges { node { id cost } } }",
    "{ viewer { organizations(first: 50) { edges { node { slug } } } } }",
    "{ webhookEndpoints(first: 50) { edges { node { url } } } }",
    "{ webhookEvents(first: 50) { edges { node { type body } } } }",
    """{ webhookEndpoints(last: 1) { edges { node {
         deliveries(first: 50) { edges { node { event { type } endpoint { url } } } } } } } }""",
    "{ jobs(first: 50) { edges { node { state preview queuePosition artifacts { name url } } } } }",
    "{ artifacts(first: 50) { edges { node { id name url } } } }",
    "{ chatConversations(first: 50) { edges { node { title } } } }",
    "{ macrohardTasks(first: 50) { edges { node { goal controller jobId } } } }",
    """{ macrohardTasks(last: 1) { edges { node {
         steps(first: 50) { edges { node { number action { kind } screenshot { name url } } } } } } } }""",
]


@pytest.fixture
async def services(sqlite_url: Any, tmp_path: Path) -> AsyncIterator[Services]:
    """Services that are not started, over an empty database."""
    services = Services.build(Configuration(tmp_path, 0, "127.0.0.1", sqlite_url()), PluginHost.discover())
    yield services
    await services.database.close()


async def add_rows(services: Services, caller: Caller, count: int) -> None:
    """More of everything that the queries show."""
    for number in range(count):
        stamp = f"{now().timestamp()}-{number}".replace(".", "-")
        user = await services.accounts.create_user(f"{stamp}@example.com", "Member")
        async with services.database.write() as session:
            session.add(Member(organization_id=caller.organization_id, user_id=user.id, role=Role.DEVELOPER))
        await services.keys.create(caller, f"Key {number}", KeyLimits(scopes=["*"]))
        assert caller.user_id is not None
        await services.accounts.create_organization("More", f"more-{stamp}", caller.user_id)
        await services.webhooks.endpoints.create(caller, "https://1.1.1.1/hook")
        async with services.database.write() as session:
            await services.webhooks.publish(session, caller.organization_id, "job.failed", {}, key=stamp)
        async with services.database.write() as session:
            session.add(waiting_job(caller))
        picture = await services.artifacts.put(caller.organization_id, stamp.encode(), name="a.txt")
        await add_step(services, caller, picture.id)
        create = f'mutation {{ chatConversationCreate(title: "Talk {number}") {{ id }} }}'
        await run(services, caller, create)


async def add_step(services: Services, caller: Caller, picture_id: UUID) -> None:
    """A task, and one more step of the first one."""
    async with services.database.write() as session:
        task = StoredTask(
            organization_id=caller.organization_id,
            goal="Order tea.",
            url="https://example.com",
            sites=["example.com"],
            most_steps=9,
            seconds=60,
        )
        session.add(task)
        await session.flush()
        tasks = select(StoredTask.id).order_by(StoredTask.created_at, StoredTask.id).limit(1)
        step = StoredStep(task_id=await session.scalar(tasks), organization_id=caller.organization_id)
        step.number, step.by, step.screenshot_id = time.time_ns() % 2**31, "agent", picture_id
        step.url = step.title = step.snapshot = step.target = step.reason = step.message = ""
        step.notes, step.action = [], {"kind": "click"}
        step.started_at = step.ended_at = now()
        session.add(step)


def waiting_job(caller: Caller) -> Job:
    return Job(
        organization_id=caller.organization_id,
        plugin="some",
        operation="someWork",
        request=b"{}",
        at_most={},
        holds=[],
        quantities={},
        keep_s=60,
    )


async def run(services: Services, caller: Caller, query: str) -> dict[str, Any]:
    engine = Engine(compose_schema(services.plugins), Unlimited(), Limits())
    context = Context(caller=caller, request_id="test", client_address="", services=services)
    admitted = await engine.admit(Request(query), context, ANSWERS)
    answer = await admitted.answer()
    assert "errors" not in answer, answer
    return answer


async def count_queries(services: Services, caller: Caller, query: str) -> int:
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(services.database.engine.sync_engine, "before_cursor_execute", note)
    try:
        await run(services, caller, query)
    finally:
        event.remove(services.database.engine.sync_engine, "before_cursor_execute", note)
    return len([statement for statement in statements if statement.startswith(("SELECT", "WITH"))])


@pytest.mark.parametrize("query", QUERIES)
async def test_more_rows_need_no_more_queries(services: Services, query: str) -> None:
    user = await services.accounts.create_user("owner@example.com", "Owner")
    organization = await services.accounts.create_organization("Example", "example", user.id)
    caller = Caller(organization.id, user.id, None, frozenset({"*"}))
    await add_rows(services, caller, 2)
    few = await count_queries(services, caller, query)
    await add_rows(services, caller, 6)
    assert await count_queries(services, caller, query) == few > 0
