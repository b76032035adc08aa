"""Does one action in a page."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from skyhook_functions.macrohard.messages import Action

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

ACT_MS = 4_000
"""How long an element may take to become ready."""
LONGEST_KEYED = 300
"""Longer texts are put in at once and not key by key."""
LONGEST_WAIT_S = 10.0
_PICKED = ("time", "datetime-local", "month", "week", "color", "range")
"""Inputs whose value is picked and not typed."""
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class NotDone(Exception):
    """The action could not be done; the code and the message are for who decided on it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


async def perform(page: Page, action: Action) -> None:
    """Does everything but `go`, which needs the list of sites. Raises NotDone."""
    from playwright.async_api import Error

    try:
        await _perform(page, action)
    except Error as error:
        raise NotDone("ELEMENT_NOT_ACTIONABLE", _reason(str(error))) from error


async def _perform(page: Page, action: Action) -> None:
    match action.kind:
        case "click":
            await _click(page, action, 1)
        case "double_click":
            await _click(page, action, 2)
        case "type":
            await _type(page, action)
        case "press":
            await _press(page, action)
        case "select":
            element = await _element(page, action)
            await element.select_option(label=_given(action.text, "text"), timeout=ACT_MS)
        case "drag":
            await _drag(page, action)
        case "scroll":
            if action.ref or action.x is not None:
                await page.mouse.move(*await _point(page, action))
            await page.mouse.wheel(0, action.pixels if action.pixels is not None else 600)
        case "wait":
            await asyncio.sleep(min(max(action.seconds or 1.0, 0.0), LONGEST_WAIT_S))
        case "back":
            await page.go_back(wait_until="commit", timeout=ACT_MS)
        case other:
            raise NotDone("ACTION_INVALID", f"{other} is nothing to do in a page.")


async def _click(page: Page, action: Action, count: int) -> None:
    if action.ref or action.label:
        await (await _element(page, action)).click(click_count=count, timeout=ACT_MS)
    else:
        await page.mouse.click(*await _point(page, action), click_count=count)


async def _type(page: Page, action: Action) -> None:
    text = _given(action.text, "text")
    if not action.ref and not action.label:
        if action.x is not None:
            await page.mouse.click(*await _point(page, action))
        await page.keyboard.type(text)
        return
    element = await _element(page, action)
    kind = await element.get_attribute("type", timeout=ACT_MS)
    if kind == "date" and not _ISO_DATE.fullmatch(text):
        await element.focus(timeout=ACT_MS)
        await page.keyboard.type(
            "".join(filter(str.isdigit, text))
        )  # month, day, year: the field adds the rest
    elif kind in _PICKED or kind == "date" or len(text) > LONGEST_KEYED:
        await element.fill(text, timeout=ACT_MS)
    else:
        await element.fill("", timeout=ACT_MS)
        await element.press_sequentially(text, timeout=ACT_MS * 5)


async def _press(page: Page, action: Action) -> None:
    key = _given(action.key, "key")
    if action.ref or action.label:
        await (await _element(page, action)).press(key, timeout=ACT_MS)
    else:
        await page.keyboard.press(key)


async def _drag(page: Page, action: Action) -> None:
    to = Action(kind="drag", ref=action.to_ref, x=action.to_x, y=action.to_y)
    here, there = await _point(page, action), await _point(page, to)
    await page.mouse.move(*here)
    await page.mouse.down()
    await page.mouse.move(*there, steps=8)
    await page.mouse.up()


async def _element(page: Page, action: Action) -> Locator:
    if action.ref:
        found = page.locator(f"aria-ref={action.ref}")
        what = f"the element {action.ref}"
    elif action.label:
        found = page.get_by_text(action.label, exact=True).filter(visible=True).first
        what = f"the text {action.label!r}"
    else:
        raise NotDone("ACTION_INVALID", f"{action.kind} needs ref, or label.")
    if not await found.count():
        raise NotDone("ELEMENT_NOT_FOUND", f"The page has not got {what} now; look at the latest snapshot.")
    return found


async def _point(page: Page, action: Action) -> tuple[float, float]:
    """The middle of the element, or the point itself."""
    if not action.ref and not action.label:
        if action.x is None or action.y is None:
            raise NotDone("ACTION_INVALID", f"{action.kind} needs ref, label, or x and y.")
        return action.x, action.y
    element = await _element(page, action)
    await element.scroll_into_view_if_needed(timeout=ACT_MS)
    box = await element.bounding_box(timeout=ACT_MS)
    if box is None:
        raise NotDone("ELEMENT_NOT_ACTIONABLE", "The element is not visible.")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _given(value: str | None, name: str) -> str:
    if value is None:
        raise NotDone("ACTION_INVALID", f"The action needs {name}.")
    return value


def _reason(text: str) -> str:
    """The line of Playwright's message that says most."""
    lines = [line.strip(" -") for line in text.splitlines() if line.strip(" -")]
    telling = [line for line in lines if "intercepts pointer events" in line or "not " in line]
    return (telling or lines or ["The element cannot be used."])[-1 if telling else 0][:300]
