"""What a caller asks for, checked before anything is held."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from skyhook.plugin import Asked, GlobalID, Info, InvalidInput, JobOptions, node_uuid
from skyhook_functions.macrohard.sites import PORTS, NotASite, Sites, place_of
from skyhook_macrohard.errors import SiteNotAllowed
from skyhook_macrohard.meters import BROWSER_SECONDS, STEPS
from skyhook_macrohard.requests import Task
from skyhook_macrohard.types import MacrohardTaskInput

LONGEST_GOAL = 4000
LONGEST_URL = 2000
LONGEST_SITE = 260
LONGEST_MODEL = 120
MOST_SITES = 100
MOST_STEPS = 200
SECONDS = (10, 3600)


def task(info: Info, given: MacrohardTaskInput, options: JobOptions | None) -> Asked:
    """What macrohardTask is asked. Raises InvalidInput and SiteNotAllowed."""
    goal = given.goal.strip()
    if not goal or len(goal) > LONGEST_GOAL:
        raise InvalidInput(f"A goal has 1 to {LONGEST_GOAL} characters.", field="goal")
    if given.model is not None and not 1 <= len(given.model) <= LONGEST_MODEL:
        raise InvalidInput("Name a model that chatModels lists, or none.", field="model")
    if not 1 <= given.most_steps <= MOST_STEPS:
        raise InvalidInput(f"mostSteps is 1 to {MOST_STEPS}.", field="mostSteps")
    if not SECONDS[0] <= given.time_limit <= SECONDS[1]:
        raise InvalidInput(f"timeLimit is {SECONDS[0]} to {SECONDS[1]} seconds.", field="timeLimit")
    url = _url(given.url)
    request = Task(
        goal=goal,
        url=url,
        sites=_sites(given.sites, url),
        model=given.model,
        most_steps=given.most_steps,
        seconds=given.time_limit,
        keep_s=(options or JobOptions()).keep,
    )
    return Asked(
        caller=info.context.caller,
        operation="macrohardTask",
        arguments=request,
        at_most={STEPS: request.most_steps, BROWSER_SECONDS: request.seconds},
        idempotency_key=info.context.next_idempotency_key(given.idempotency_key),
    )


def task_id(id: GlobalID) -> UUID:
    """The id of a task, which its job has too. Raises InvalidInput."""
    return node_uuid(id, "Job" if id.type_name == "Job" else "MacrohardTask", "id")


def _url(text: str) -> str:
    url = text.strip()
    is_web = url.startswith(("http://", "https://")) and place_of(url) is not None
    if not is_web or len(url) > LONGEST_URL or any(one.isspace() for one in url):
        raise InvalidInput(
            f"Give a URL such as https://example.com/page, of at most {LONGEST_URL} characters.", field="url"
        )
    if "@" in urlsplit(url).netloc:
        raise InvalidInput("The URL must not carry a name or a password.", field="url")
    return url


def _sites(given: list[str] | None, url: str) -> list[str]:
    """The list as it is stored. Raises InvalidInput, and SiteNotAllowed where it leaves the URL out."""
    if given is None:
        place = place_of(url)
        assert place is not None
        host = f"[{place[0]}]" if ":" in place[0] else place[0]
        return [host if place[1] in PORTS.values() else f"{host}:{place[1]}"]
    if not 1 <= len(given) <= MOST_SITES or any(len(site) > LONGEST_SITE for site in given):
        raise InvalidInput(
            f"sites has 1 to {MOST_SITES} entries of at most {LONGEST_SITE} characters.", field="sites"
        )
    try:
        sites = Sites.parse(given)
    except NotASite as error:
        raise InvalidInput(str(error), field="sites") from None
    if not sites.allows(url):
        raise SiteNotAllowed("The task would begin at a site that is not on its list: add it.", field="sites")
    return given
