"""The browser function by itself: pages that hang, crash or never come, and browsers that are left behind."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from operating_sites import Site

from skyhook.function import FunctionError
from skyhook_functions.macrohard import browser as module
from skyhook_functions.macrohard.browser import Browser
from skyhook_functions.macrohard.messages import Action, ActRequest, OpenRequest, Outcome, TaskRequest


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    browser = Browser()
    browser.load()
    yield browser
    browser._sweeper.cancel()
    browser._run(browser._playwright.stop())
    browser._run(asyncio.sleep(0.2))  # for the driver's pipes to close
    browser._loop.call_soon_threadsafe(browser._loop.stop)
    browser._thread.join()
    browser._loop.close()


@pytest.fixture
def task(browser: Browser, site: Site) -> Iterator[str]:
    browser.open(OpenRequest("task", site.url("/form"), [site.name], True))
    yield "task"
    browser.close(TaskRequest("task"))


def act(browser: Browser, **action: object) -> Outcome:
    return browser.act(ActRequest("task", Action(**action)))  # type: ignore[arg-type]


def mentioning(text: str) -> int:
    """How many processes have the text in their command lines."""
    found = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += text in file.read_text(errors="replace")
    return found


def test_a_page_that_hangs_is_closed_for_a_blank_one(browser: Browser, site: Site, task: str) -> None:
    act(browser, kind="go", url=site.url("/hang"))
    outcome = act(browser, kind="click", label="Hang")
    assert (outcome.code, outcome.observation.url) == ("PAGE_UNRESPONSIVE", "about:blank")
    assert act(browser, kind="go", url=site.url("/form")).observation.title == "Order"


def test_a_page_that_crashes_is_closed_for_a_blank_one(browser: Browser, site: Site, task: str) -> None:
    async def crash() -> None:
        page = browser._sessions[task]._current
        control = await page.context.new_cdp_session(page)
        with suppress(Exception):  # the page does not live to answer
            async with asyncio.timeout(2):
                await control.send("Page.crash")

    browser._run(crash())
    outcome = act(browser, kind="click", label="Submit")
    assert (outcome.code, outcome.observation.url) == ("PAGE_CRASHED", "about:blank")
    assert act(browser, kind="go", url=site.url("/form")).observation.title == "Order"


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ({"kind": "click", "ref": "e99"}, "ELEMENT_NOT_FOUND"),
        ({"kind": "click", "label": "Nowhere"}, "ELEMENT_NOT_FOUND"),
        ({"kind": "click"}, "ACTION_INVALID"),
        ({"kind": "type", "ref": "e4"}, "ACTION_INVALID"),
        ({"kind": "press", "key": "Nonsense"}, "ELEMENT_NOT_ACTIONABLE"),
        ({"kind": "go", "url": "file:///etc/passwd"}, "SITE_NOT_ALLOWED"),
        ({"kind": "go", "url": "chrome://version"}, "SITE_NOT_ALLOWED"),
    ],
)
def test_what_cannot_be_done_says_so_and_leaves_the_page(
    browser: Browser, task: str, action: dict[str, str], code: str
) -> None:
    outcome = act(browser, **action)
    assert (outcome.code, outcome.observation.title) == (code, "Order")


def test_a_redirect_off_the_sites_ends_at_the_page_before(browser: Browser, site: Site, task: str) -> None:
    outcome = act(browser, kind="go", url=site.url("/away"))
    assert (outcome.code, outcome.observation.url) == ("SITE_NOT_ALLOWED", site.url("/form"))


def test_a_private_address_is_refused_though_the_list_has_it(browser: Browser, site: Site) -> None:
    outcome = browser.open(OpenRequest("private", site.url("/form"), [site.name], False))
    browser.close(TaskRequest("private"))
    assert outcome.code == "ADDRESS_NOT_ALLOWED"


def test_keys_points_and_drags_reach_the_page(browser: Browser, site: Site, task: str) -> None:
    seen = browser.look(TaskRequest(task)).snapshot
    box = re.search(r'textbox "Name" \[ref=\w+\] \[box=(\d+),(\d+)', seen)
    assert box is not None
    act(browser, kind="click", x=int(box[1]) + 5, y=int(box[2]) + 5)
    act(browser, kind="type", text="Ada")
    act(browser, kind="press", key="Backspace")
    outcome = act(browser, kind="drag", x=100, y=100, to_x=200, to_y=100)
    assert outcome.code is None
    assert ": Ad\n" in outcome.observation.snapshot


def test_a_browser_that_nobody_uses_is_closed(
    browser: Browser, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = browser._sessions[task]._folder
    assert folder is not None
    assert mentioning(folder.name) > 0
    monkeypatch.setattr(module, "IDLE_S", 0.0)
    browser._run(browser._close_idle())
    with pytest.raises(FunctionError) as caught:
        browser.look(TaskRequest(task))
    assert caught.value.code == "BROWSER_LOST"
    assert not folder.exists()
    assert mentioning(folder.name) == 0


def test_a_machine_without_chromium_says_what_to_install(
    browser: Browser, site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FunctionError) as caught:
        browser.open(OpenRequest("none", site.url("/form"), [site.name], True))
    assert caught.value.code == "BROWSER_MISSING"
    assert "apt-get install chromium" in caught.value.message
