"""Letters that must arrive, through a real SMTP server that is away, slow or unwilling."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.billing.conftest import Clock
from tests.mail.inbox import Inbox, serve
from tests.serving import free_port

from skyhook.database import Database
from skyhook.mail.message import Letter
from skyhook.mail.models import MailLetter
from skyhook.mail.post import AT_ONCE, CLAIM, Post
from skyhook.mail.service import Mail
from skyhook.retries import RETRIES

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


class Office:
    """A post office of several processes, its mail server and its clock."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.inbox, self.port = Inbox(), free_port()
        self.server = serve(self.inbox, self.port)
        self.clock = Clock()
        self._folder = folder

    def process(self) -> Post:
        mail = Mail(f"smtp://user:p%40ss@127.0.0.1:{self.port}", "skyhook@example.com", self._folder)
        return Post(self.database, mail, clock=self.clock)

    async def write(self, *subjects: str) -> None:
        async with self.database.write() as session:
            self.process().add(session, [Letter("anna@example.com", one, ["Text"]) for one in subjects])

    async def waiting(self) -> list[str]:
        async with self.database.read() as session:
            return list(await session.scalars(select(MailLetter.subject)))

    @property
    def received(self) -> list[str]:
        return sorted(message["Subject"] for message in self.inbox.received)


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Iterator[Office]:
    office = Office(database, tmp_path)
    office.server.start()
    yield office
    office.server.stop()


async def test_of_several_processes_one_sends_each_letter(office: Office) -> None:
    subjects = [f"Letter {number:02}" for number in range(3 * AT_ONCE)]
    await office.write(*subjects)
    await asyncio.gather(*(office.process().round() for _ in range(4)))
    assert office.received == subjects
    assert await office.waiting() == []


async def test_a_letter_waits_for_a_mail_server_that_is_away(office: Office) -> None:
    office.server.stop()
    await office.write("Low credit")
    await office.process().round()
    office.server = serve(office.inbox, office.port)
    office.server.start()
    await office.process().round()
    assert (office.received, await office.waiting()) == ([], ["Low credit"])
    office.clock.turn(seconds=RETRIES[0].total_seconds() * 1.1)
    await office.process().round()
    assert (office.received, await office.waiting()) == (["Low credit"], [])


async def test_what_a_process_had_in_hand_when_it_was_killed_goes_out_again_under_its_id(
    office: Office,
) -> None:
    await office.write("Low credit")
    (row,) = await office.process()._claim()
    await office.process()._mail.send(Letter(row.to, row.subject, row.paragraphs), row.id)  # and dies here
    await office.process().round()
    assert office.received == ["Low credit"]
    office.clock.turn(seconds=CLAIM.total_seconds())
    await office.process().round()
    assert len(office.inbox.received) == 2
    assert len({message["Message-ID"] for message in office.inbox.received}) == 1
    assert await office.waiting() == []


async def test_a_unit_of_work_that_fails_writes_nobody(office: Office) -> None:
    async with office.database.write() as session:
        office.process().add(session, [Letter("anna@example.com", "Not true", ["Text"])])
        await session.flush()
        await session.rollback()
    await office.process().round()
    assert office.received == []


async def test_an_address_that_is_refused_is_given_up_at_once(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.inbox.refuses = "550 No such user"
    await office.write("Low credit")
    await office.process().round()
    assert await office.waiting() == []
    assert "'Low credit' to anna@example.com is given up: its address is refused" in caplog.text


async def test_a_mail_server_that_is_never_there_is_tried_for_days_and_then_no_more(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.inbox.refuses = "451 Try later"
    await office.write("Low credit")
    for _ in RETRIES:
        await office.process().round()
        assert await office.waiting() == ["Low credit"]
        office.clock.turn(seconds=timedelta(hours=27).total_seconds())
    await office.process().round()
    assert await office.waiting() == []
    assert f"is given up after {len(RETRIES) + 1} tries" in caplog.text


async def test_a_running_post_sends_what_is_written_at_once(office: Office) -> None:
    post = office.process()
    await post.start()
    try:
        await office.write("Low credit")
        post.wake()
        assert await asyncio.to_thread(office.inbox.arrived.wait, 10)
    finally:
        await post.close()
