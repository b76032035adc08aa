"""The functions of the instance on this machine: what is told of them, and to whom."""

from __future__ import annotations

import re

import httpx
from tests.serving import Server

PAGE = "/console/instance/functions"
PROBE = "probe_functions:Probe"


def test_every_function_is_listed_with_its_marks(client: httpx.Client) -> None:
    page = client.get(PAGE).text
    row = re.search(rf'<a href="{PAGE}/{PROBE}">Probe</a>(?s:.*?)</tr>', page)
    assert row
    assert "0.5 GiB of memory at most, 3.0 s a call, 64 calls at a time" in row[0]
    assert re.search(r'class="state (cold|starting|warm|busy)"', row[0])
    assert "on this machine. What their calls cost is not known." in page
    assert "skyhook functions deploy" not in page
    assert "Cost</th>" not in page


def test_a_function_is_shown_with_the_end_of_its_log(server: Server, client: httpx.Client) -> None:
    log = server.data / "logs" / "function-probe_functions.Probe.log"
    server.graphql('mutation { probeAnswer(behaviour: "answer", text: "yes") }')
    with log.open("a") as file:
        file.write("".join(f"<line {number}>\n" for number in range(300)))
    page = client.get(f"{PAGE}/{PROBE}").text
    shown = [int(number) for number in re.findall(r"&lt;line (\d+)&gt;", page)]
    assert shown == list(range(100, 300))
    assert "skyhook functions logs Probe --follow" in page
    assert "It cost nothing that is known" in page
    with log.open("a") as file:
        file.write("x" * 30_000 + "\nthe end\n")
    assert re.findall(
        r'<pre class="log" tabindex="0">(.*?)</pre>', client.get(f"{PAGE}/{PROBE}").text, re.S
    ) == ["the end\n"]


def test_what_is_not_installed_has_no_page(client: httpx.Client) -> None:
    for name in ("nothing:Nothing", "..:Probe", "%2e%2e%2fserver"):
        assert client.get(f"{PAGE}/{name}").status_code == 404


def test_an_administrator_is_led_there_and_a_viewer_is_not(
    client: httpx.Client, viewer: httpx.Client
) -> None:
    assert f'href="{PAGE}"' in client.get("/console/o/first/functions").text
    assert f'data-address="{PAGE}"' in client.get("/console/account").text
    assert PAGE not in viewer.get("/console/o/first/functions").text
    assert viewer.get(PAGE).status_code == 404
