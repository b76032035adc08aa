"""The page of usage by the keyboard: a chart's days, filters without a new page, the hour as it goes on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.serving import Server

from .chromium import Chromium
from .test_accessibility import log_in

SETTLED = "!document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling, .htmx-added')"
"""That HTMX has put what came into the page and listens to its fields."""
CALL = 'mutation { probeAnswer(behaviour: "answer", text: "yes") }'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("usage"))
    server.prepare()
    server.start()
    server.graphql(CALL)
    yield server
    server.stop()


def test_the_page_is_used_with_the_keyboard_and_counts_by_itself(chromium: Chromium, server: Server) -> None:
    log_in(chromium, server)
    chromium.open(f"{server.address}/console/o/first/usage")
    chromium.wait("document.querySelector('[data-live-state]').textContent === 'live'")
    assert chromium.run("document.querySelector('[data-live-calls]').textContent") == "1"
    server.graphql(CALL)
    chromium.wait("document.querySelector('[data-live-calls]').textContent === '2'")

    chromium.tab_to("[data-chart] svg")
    now = chromium.run("document.querySelector('output').textContent")
    assert now.endswith("$0.001")
    chromium.press("ArrowDown")
    before = chromium.run("document.activeElement.getAttribute('aria-valuetext')")
    assert before.endswith(": $0.00")
    assert before < now
    assert chromium.run("document.querySelector('output').textContent") == before

    chromium.run("window.isTheSamePage = true")
    chromium.run("document.querySelector('[name=by]').focus()")
    chromium.run("""{ const by = document.querySelector('[name=by]'); by.value = 'operation';
      by.dispatchEvent(new Event('change', {bubbles: true})); }""")
    chromium.wait("location.search.includes('by=operation')")
    chromium.wait("document.querySelector('tbody th')?.textContent.trim() === 'probeAnswer'")
    assert chromium.run("window.isTheSamePage && document.activeElement.name === 'by'")
    chromium.wait("document.querySelector('[data-chart] svg')?.getAttribute('role') === 'slider'")
    chromium.wait(SETTLED)

    for name, day in (("to", "2026-02-02"), ("from", "2026-02-01")):
        chromium.run(f"""{{ const field = document.querySelector('[name={name}]'); field.value = '{day}';
          field.dispatchEvent(new Event('change', {{bubbles: true}})); }}""")
        chromium.wait(f"location.search.includes('{day}')")
        if name == "to":
            chromium.wait(
                "document.querySelector('[role=alert]')?.textContent.includes('after the last one')"
            )
            chromium.wait(SETTLED)
    assert chromium.run("location.search.includes('period=days')")
    chromium.wait("document.querySelector('.empty')?.textContent.includes('Nothing was used')")
