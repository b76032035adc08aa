"""The probe's pages in the console: one that answers, and misbehaves as its query or its forms tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from skyhook.plugin import ConsoleForm, ConsolePage, Context, InvalidInput, NotFound
from skyhook_probe.saying import Flaky, say


async def show(context: Context, query: Mapping[str, str]) -> Mapping[str, Any]:
    """Whose page it is and what was asked; no `said` where the template is to stumble over it."""
    misbehave(query.get("behaviour", ""))
    asked = {"organization": context.caller.organization_id, "query": query}
    return asked if query.get("behaviour") == "stumble" else {"said": "", **asked}


async def answer(context: Context, fields: Mapping[str, str]) -> Mapping[str, Any]:
    """Shows what the probe says."""
    misbehave(fields["behaviour"])
    return {"said": await say(context, "answer", fields["text"])}


async def keep(context: Context, fields: Mapping[str, str]) -> None:
    """Says it, and sends the browser back to the page."""
    await answer(context, fields)


def misbehave(behaviour: str) -> None:
    """Raises what is asked for."""
    match behaviour:
        case "secret":
            raise RuntimeError("SELECT secret FROM internals")
        case "missing":
            raise NotFound("There is no such word.")
        case "wrong":
            raise InvalidInput("Say something else.", field="text")
        case "flaky":
            raise Flaky("Try again.")


PAGES = (
    ConsolePage(
        slug="words",
        title="Words of the probe",
        template="skyhook_probe:templates/words.html",
        scope="probe:read",
        show=show,
        forms=(
            ConsoleForm("answer", scope="probe:answer", run=answer),
            ConsoleForm("keep", scope="probe:answer", run=keep, done="It is kept."),
        ),
    ),
)
