"""Every page of the console can be used by everybody, as far as axe-core can tell, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import pytest
from tests.console.conftest import browser
from tests.console.conftest import log_in as log_in_over_http
from tests.console.test_people import _wait_for_link, link, make_old, post
from tests.serving import Server

from .chromium import Chromium

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
RUN = """axe.run().then(({violations}) => violations.map(
  ({id, help, nodes}) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`))"""
ADMINISTRATOR, NEW = "admin@localhost", "heron@example.com"
PAGES = [
    "", "/keys", "/keys/new", "/usage", "/usage?by=operation&plugin=probe", "/usage?period=5", "/billing",
    "/billing/statement", "/billing/prices", "/billing/payments", "/billing/plan", "/billing/invoices",
    "/billing/invoices/preview", "/billing/details", "/plugins", "/plugins/probe", "/members", "/audit",
    "/organization", "/plugins/probe/pages/words?of=herons",
    "/jobs", "/files", "/functions", "/functions/probe_functions:Probe",
    "/playground", "/playground/chat/talk", "/playground/imagine/edit",
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with some usage to show."""
    server = Server(tmp_path_factory.mktemp("accessibility"), environment={"SKYHOOK_SIGNUP": "open"})
    server.prepare()
    server.start()
    server.graphql('mutation { probeAnswer(behaviour: "answer", text: "yes") }')
    yield server
    server.stop()


def log_in(chromium: Chromium, server: Server, here: str | None = None) -> None:
    chromium.open(f"{here or server.address}/console/login")
    password = (server.data / "first-password").read_text().strip()
    chromium.run("document.querySelector('[name=email]').focus()")
    chromium.type(ADMINISTRATOR)
    chromium.press("Tab")
    chromium.type(password)
    chromium.press("Enter")
    chromium.wait("location.pathname.startsWith('/console/o/')")


def violations(chromium: Chromium) -> list[str]:
    chromium.run(AXE)
    found: list[str] = chromium.run(RUN)
    return found


@pytest.fixture(scope="module")
def visitor(chromium: Chromium, server: Server) -> Chromium:
    """A browser that is logged in."""
    log_in(chromium, server)
    return chromium


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_used_by_everybody(visitor: Chromium, server: Server, page: str, *, dark: bool) -> None:
    visitor.appear(dark=dark)
    visitor.open(f"{server.address}/console/o/first{page}")
    assert violations(visitor) == []


@pytest.mark.parametrize("page", ["/billing/details", "/playground/chat/talk", "/playground/imagine/edit"])
def test_every_field_is_there_on_a_phone(visitor: Chromium, server: Server, page: str) -> None:
    visitor.appear(width=390)
    visitor.open(f"{server.address}/console/o/first{page}")
    hidden = "[...document.querySelectorAll('.field')].filter((one) => !one.checkVisibility()).length"
    visitor.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert visitor.run("document.querySelectorAll('.field').length") > 0
    assert visitor.run(hidden) == 0
    visitor.open(f"{server.address}/console/o/first/billing/prices")
    assert visitor.run("""(() => {
      const tab = document.querySelector('.sub [aria-current]').getBoundingClientRect();
      return tab.left >= 0 && tab.right <= innerWidth;
    })()"""), "the current tab is in sight"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_so_can_the_login_and_the_page_of_an_error(visitor: Chromium, server: Server, *, dark: bool) -> None:
    visitor.appear(dark=dark)
    instance = ("plugins", "plugins/chat", "functions", "functions/probe_functions:Probe")
    for address in ("login", "account", "o/first/nothing", *(f"instance/{one}" for one in instance)):
        visitor.open(f"{server.address}/console/{address}")
        assert violations(visitor) == [], address
    visitor.open(f"{server.address}/console/account")
    visitor.press("k", control=True)
    assert violations(visitor) == [], "the palette"


@pytest.fixture(scope="module")
def links(server: Server) -> dict[str, str]:
    """Paths of links that were mailed: of a sign-up, a reset, and an invitation of somebody new."""
    with browser(server) as client:
        form = {"email": NEW, "password": "a long-legged bird", "organization": "Herons"}
        client.post("/console/signup", data=form)
        sign_up = link(server, NEW)
        client.post("/console/reset", data={"email": ADMINISTRATOR})
        reset = _wait_for_link(server, ADMINISTRATOR)
        log_in_over_http(client, ADMINISTRATOR, (server.data / "first-password").read_text().strip())
        post(client, "/console/o/first/invitations", email=NEW, role="viewer")
        return {"sign-up": sign_up, "reset": reset, "invitation": link(server, NEW)}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_so_can_pages_of_whoever_is_not_logged_in(
    chromium: Chromium, server: Server, links: dict[str, str], *, dark: bool
) -> None:
    chromium.appear(dark=dark)
    # Nobody is logged in by this name of the server, and passkeys are offered.
    here = f"http://localhost:{server.port}"
    for path in ("/console/login", "/console/signup", "/console/reset", *links.values()):
        chromium.open(here + path)
        assert violations(chromium) == [], path
    assert chromium.run("document.querySelector('h1')?.textContent") == "Join First organization"
    for path, form in (
        ("/console/login", {"email": NEW, "password": "wrong"}),
        ("/console/signup", {"email": NEW, "password": "short", "organization": ""}),
        (links["sign-up"], {"password": "wrong"}),
        (links["reset"], {"password": "short"}),
    ):
        chromium.open(here + path)
        chromium.send_form(f"form[action='{path}']", **form)
        chromium.wait("document.querySelector('.error') !== null")
        assert violations(chromium) == [], f"{path} with an error"
    chromium.open(f"{here}/console/reset")
    chromium.send_form("form", email=f"{dark}@example.com".lower())
    chromium.wait("document.querySelector('h1')?.textContent === 'Look into your mail'")
    assert violations(chromium) == [], "a notice"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_so_can_what_comes_after_a_form(visitor: Chromium, server: Server, *, dark: bool) -> None:
    visitor.appear(dark=dark)
    visitor.open(f"{server.address}/console/organizations/new")
    assert violations(visitor) == []
    visitor.send_form("main form", name="")
    visitor.wait("document.querySelector('main .error') !== null")
    assert violations(visitor) == [], "with an error"
    visitor.open(f"{server.address}/console/o/first/plugins/probe/pages/words")
    visitor.send_form("main form", behaviour="wrong")
    visitor.wait("document.querySelector('main .error') !== null")
    assert violations(visitor) == [], "a plugin's page with an error"
    visitor.open(f"{server.address}/console/o/first/keys/new")
    visitor.send_form("main form", name="Web shop")
    visitor.wait("document.querySelector('#secret') !== null")
    assert violations(visitor) == [], "a key that was made"
    make_old(server, ADMINISTRATOR)
    visitor.open(f"{server.address}/console/o/first/keys/new")
    visitor.send_form("main form", name="Web shop")
    visitor.wait("document.querySelector('h1')?.textContent === 'Is it you?'")
    assert violations(visitor) == [], "who it is"
    visitor.send_form("main form", password_again="wrong")
    visitor.wait("document.querySelector('main .error') !== null")
    assert violations(visitor) == [], "who it is, with an error"
    visitor.send_form("main form", password_again=(server.data / "first-password").read_text().strip())
    visitor.wait("document.querySelector('#secret') !== null")
    visitor.run("document.querySelector('form[action=\"/console/logout\"] [name=form_token]').value = 'old'")
    visitor.send_form("form[action='/console/logout']")
    visitor.wait("document.querySelector('h1')?.textContent === 'Not allowed'")
    assert violations(visitor) == [], "what is not allowed"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_so_can_passkeys_and_the_page_of_a_lost_connection(
    chromium: Chromium, server: Server, *, dark: bool
) -> None:
    chromium.appear(dark=dark)
    here = f"http://localhost:{server.port}"
    log_in(chromium, server, here)
    if not dark:
        chromium.add_authenticator()
    chromium.open(f"{here}/console/account")
    chromium.send_form("[action='/console/account/passkeys/new']")
    chromium.wait("document.querySelector('h1')?.textContent === 'New passkey'")
    assert violations(chromium) == [], "a new passkey"
    if not dark:
        chromium.run("document.querySelector('[name=name]').value = 'Phone'")
        chromium.run("document.querySelector('[data-passkey] button').click()")
        chromium.wait("location.pathname === '/console/account' && document.readyState === 'complete'")
    chromium.open(f"{here}/console/account")
    assert violations(chromium) == [], "passkeys"
    chromium.go_offline()
    chromium.wait("document.querySelector('#connection')?.textContent !== ''")
    assert violations(chromium) == [], "offline"
    chromium.go_offline(False)
    chromium.run("document.querySelector('form[action=\"/console/logout\"]').requestSubmit()")
    chromium.wait("location.pathname === '/console/login'")


def test_the_check_finds_what_is_wrong(visitor: Chromium, server: Server) -> None:
    visitor.open(f"{server.address}/console/account")
    visitor.run("document.body.insertAdjacentHTML('beforeend', '<button></button><img src=\"x\">')")
    assert {found.partition(":")[0] for found in violations(visitor)} >= {"button-name", "image-alt"}
