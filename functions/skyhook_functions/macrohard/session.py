"""One task's browser: what is to be seen in it, and what is done in it."""

from __future__ import annotations

import asyncio
import io
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook_functions.macrohard.acting import NotDone, perform
from skyhook_functions.macrohard.chromium import HEIGHT, WIDTH, launch
from skyhook_functions.macrohard.gate import Gate
from skyhook_functions.macrohard.messages import Action, Observation, Outcome
from skyhook_functions.macrohard.sites import Sites, place_of

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext, Dialog, Page, Playwright, Request, Route

LOAD_S = 20.0
"""How long a page may take to begin."""
CALM_S = 5.0
"""How long the rest of a page is waited for."""
SETTLE_S = 0.3
"""What an action sets in motion is given this long before it is looked at."""
LOOK_S = 5.0
"""A page that cannot be looked at for so long does not answer."""
CLOSE_S = 5.0
MOST_TABS = 5
MOST_NOTES = 20
LONGEST_NOTE = 300
LONGEST_SNAPSHOT = 60_000
BLANK = "about:blank"
_GO_ON = "Go to a URL to go on."
_INNER = ("data:", "blob:", "about:")
"""URLs that stay inside the page."""


class Session:
    """A Chromium of its own, from `open` to `close`. Every method runs on the loop it was made on."""

    def __init__(self, sites: Sites, *, allow_private: bool) -> None:
        self.lock = asyncio.Lock()
        """Held by whoever uses the session."""
        self.used_at = time.monotonic()
        self._sites = sites
        self._gate = Gate(sites, allow_private=allow_private)
        self._context: BrowserContext | None = None
        self._folder: Path | None = None
        self._page: Page | None = None
        self._notes: list[str] = []
        self._failed: list[tuple[str, str]] = []
        """Navigations of the page that failed: URL and Chromium's reason."""
        self._lost: tuple[str, str] | None = None
        """The code and the message of a page that was found crashed or hung in the action."""
        self._crashed: Page | None = None
        """The page that crashed last, in an action or between two."""

    async def open(self, playwright: Playwright, url: str) -> Outcome:
        """Starts the browser at a URL. Raises FunctionError as `launch` does."""
        await self._gate.open()
        self._context, self._folder = await launch(playwright, self._gate.address)
        self._context.on("dialog", self._answer)
        self._context.on("page", self._adopt)
        self._context.on("requestfailed", self._note_failure)
        await self._context.route(self._is_outside, _stop)
        self._adopt(self._context.pages[0])
        return await self.act(Action(kind="go", url=url))

    async def close(self) -> None:
        """Ends the browser and forgets its profile."""
        with suppress(Exception):  # whatever keeps it from closing, the driver kills it in the end
            async with asyncio.timeout(CLOSE_S):
                if self._context is not None:
                    await self._context.close()
        await self._gate.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def act(self, action: Action) -> Outcome:
        """Does something; what went wrong is in the outcome."""
        self._failed.clear()
        self._lost = None
        code, message = None, ""
        try:
            if action.kind == "go":
                await self._go(action.url or "")
            else:
                await perform(self._current, action)
            await self._settle()
        except NotDone as problem:
            code, message = problem.code, problem.message
        observation = await self.look()
        if self._failed:
            code, message = self._refusal()
        if self._lost:
            code, message = self._lost
        return Outcome(code=code, message=message, observation=observation)

    async def look(self) -> Observation:
        """What is to be seen now; a page that crashed or does not answer is replaced by a blank one."""
        for remedy in (self._stop_loading, self._replace):
            try:
                async with asyncio.timeout(LOOK_S):
                    return await self._look()
            except Exception as error:  # Playwright's, of a page that loads, hangs, crashed or went away
                print(f"{self._current.url} cannot be looked at: {error!r}")  # to the function's log
                await remedy()
        return await self._look()

    @property
    def _current(self) -> Page:
        assert self._page is not None
        return self._page

    async def _go(self, url: str) -> None:
        if not self._sites.allows(url):
            raise NotDone("SITE_NOT_ALLOWED", f"{url[:LONGEST_NOTE]} is not on the task's list of sites.")
        from playwright.async_api import Error

        with suppress(Error):  # the failed request says why
            await self._current.goto(url, wait_until="commit", timeout=LOAD_S * 1000)
            return
        if not self._failed:
            raise NotDone("PAGE_UNREACHABLE", f"{url[:LONGEST_NOTE]} did not load within {LOAD_S:g} seconds.")

    async def _settle(self) -> None:
        """Waits for what an action has set in motion, and turns to the tab that it opened."""
        assert self._context is not None
        await asyncio.sleep(SETTLE_S)
        for page in self._context.pages:
            if page.url == BLANK or page.url.startswith("chrome-error:"):
                if page is not self._page:
                    await page.close()
            elif page is not self._page and page is self._context.pages[-1]:
                self._page = page
                self._note("A new tab opened; it is the one that is seen now.")
        for page in self._context.pages[:-MOST_TABS]:
            await page.close()
        from playwright.async_api import Error

        with suppress(Error):
            await self._current.wait_for_load_state("load", timeout=CALM_S * 1000)
        if self._current.url.startswith("chrome-error:"):
            with suppress(Error):
                await self._current.go_back(wait_until="load", timeout=CALM_S * 1000)

    async def _look(self) -> Observation:
        page = self._current
        screenshot = await page.screenshot(type="jpeg", quality=70)
        snapshot = await page.aria_snapshot(mode="ai", boxes=True)
        if len(snapshot) > LONGEST_SNAPSHOT:
            snapshot = snapshot[:LONGEST_SNAPSHOT].rpartition("\n")[0] + "\n- text: (the rest is cut off)"
        notes, self._notes = self._notes, []
        return Observation(
            url=page.url,
            title=await page.title(),
            snapshot=snapshot,
            screenshot=screenshot,
            preview=await asyncio.to_thread(_preview, screenshot),
            notes=notes,
        )

    async def _stop_loading(self) -> None:
        """Gives up a navigation that began and does not come."""
        assert self._context is not None
        if self._lost or self._current is self._crashed:
            return
        self._lost = ("PAGE_UNREACHABLE", "The next page did not come and was given up.")
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S):
                control = await self._context.new_cdp_session(self._current)
                await control.send("Page.stopLoading")

    async def _replace(self) -> None:
        assert self._context is not None
        if self._current is self._crashed:
            self._lost = ("PAGE_CRASHED", f"The page crashed and was closed. {_GO_ON}")
        else:
            self._lost = ("PAGE_UNRESPONSIVE", f"The page did not answer and was closed. {_GO_ON}")
        before, self._page = self._current, None
        self._adopt(await self._context.new_page())
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S):
                await before.close()

    def _adopt(self, page: Page) -> None:
        if self._page is None:
            self._page = page
        page.on("crash", self._on_crash)
        page.on("close", self._on_close)
        page.on("download", lambda _: self._note("A download was refused: tasks have none."))

    def _on_crash(self, page: Page) -> None:
        self._crashed = page

    def _on_close(self, page: Page) -> None:
        assert self._context is not None
        if page is self._page and self._context.pages:
            self._page = self._context.pages[-1]
            self._note("The tab was closed; the one before it is seen now.")

    async def _answer(self, dialog: Dialog) -> None:
        """Goes on past dialogs, which stop the page: says yes to what only tells, no to what asks."""
        from playwright.async_api import Error

        says_yes = dialog.type in ("alert", "beforeunload")
        answer = "accepted" if says_yes else "dismissed"
        self._note(f"A dialog ({dialog.type}) said {dialog.message!r} and was {answer}.")
        with suppress(Error):  # the page may be gone
            await (dialog.accept() if says_yes else dialog.dismiss())

    def _note_failure(self, request: Request) -> None:
        if request.is_navigation_request() and request.frame.parent_frame is None:
            self._failed.append((request.url, request.failure or ""))
        elif self._is_outside(request.url):
            place = place_of(request.url)
            self._note(f"A part of the page was blocked: {place[0] if place else 'a URL without a site'}.")

    def _is_outside(self, url: str) -> bool:
        return not url.startswith(_INNER) and not self._sites.allows(url)

    def _refusal(self) -> tuple[str | None, str]:
        url, reason = self._failed[-1]
        place = place_of(url)
        shown = url[:LONGEST_NOTE]
        if self._is_outside(url):
            return "SITE_NOT_ALLOWED", f"{shown} is not on the task's list of sites."
        if place in self._gate.private:
            return "ADDRESS_NOT_ALLOWED", f"{shown} leads to a private address, which this server refuses."
        if "ERR_ABORTED" in reason:  # a download, or an answer without a page
            return None, ""
        return "PAGE_UNREACHABLE", f"{shown} cannot be loaded: {reason}."

    def _note(self, text: str) -> None:
        if len(self._notes) < MOST_NOTES and text[:LONGEST_NOTE] not in self._notes:
            self._notes.append(text[:LONGEST_NOTE])


async def _stop(route: Route) -> None:
    """Ends a request without a trace: the page stays where it is."""
    await route.abort("aborted")


def _preview(screenshot: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(screenshot)) as image:
        small = image.resize((WIDTH // 2, HEIGHT // 2))
    content = io.BytesIO()
    small.save(content, "JPEG", quality=60)
    return content.getvalue()
