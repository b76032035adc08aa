"""MiniWoB++ episodes on loopback: the pages of the package `miniwob`, begun by a seed, with what they reward.

The pages are those that Farama ships; its Python environment, which needs Selenium, is not used. A script is
added to each page that begins the episode of a seed and sends this server the goal and, at the end, the
reward: whoever acts in the page sees neither.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

EPISODE_S = 120
"""Instead of a task's own limit, mostly 10 s, which a busy machine breaks."""
WAIT_S = 10.0
_SCRIPT = """<script>window.addEventListener('load', () => setTimeout(() => {
  const send = (what, value) => navigator.sendBeacon('/told' + location.search + '&task=' +
    location.pathname.split('/').pop() + '&what=' + what, JSON.stringify(value));
  Math.seedrandom(new URLSearchParams(location.search).get('seed'));
  core.EPISODE_MAX_TIME = %d;
  core.startEpisodeReal();
  send('goal', document.getElementById('query').innerText);
  const watch = setInterval(() => {
    if (WOB_DONE_GLOBAL) { clearInterval(watch); send('reward', WOB_RAW_REWARD_GLOBAL); }
  }, 20);
}, 50));</script>"""


@dataclass
class Episodes:
    """A server of episodes, for as long as the block lasts."""

    told: dict[tuple[str, int, str], Any] = field(default_factory=dict)
    """What pages have told: by task, seed and "goal" or "reward"."""

    def __enter__(self) -> Episodes:
        found = importlib.util.find_spec("miniwob")
        if found is None or not found.submodule_search_locations:
            raise RuntimeError("The pages are missing: bash bin/setup installs the package miniwob.")
        folder = Path(found.submodule_search_locations[0]) / "html"
        handler = functools.partial(_Handler, self.told, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def site(self) -> str:
        """What a task's allow-list names."""
        return f"127.0.0.1:{self._server.server_port}"

    def url(self, task: str, seed: int) -> str:
        """Where an episode begins, each time that it is opened."""
        return f"http://{self.site}/miniwob/{task}.html?seed={seed}"

    def goal(self, task: str, seed: int) -> str:
        """What the page of an episode that has begun asks for."""
        return " ".join(str(self._wait(task, seed, "goal", WAIT_S)).split())

    def reward(self, task: str, seed: int) -> float:
        """The raw reward of an episode: above 0 where the goal was reached; 0 where it has not ended."""
        return float(self._wait(task, seed, "reward", 0.5) or 0)

    def forget(self, task: str, seed: int) -> None:
        """Forgets what an episode told before it is begun again."""
        for what in ("goal", "reward"):
            self.told.pop((task, seed, what), None)

    def _wait(self, task: str, seed: int, what: str, longest_s: float) -> Any:
        deadline = time.monotonic() + longest_s
        while (task, seed, what) not in self.told and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.told.get((task, seed, what))


class _Handler(SimpleHTTPRequestHandler):
    """Serves the pages with the script in them, and takes what they tell."""

    def __init__(self, told: dict[tuple[str, int, str], Any], *arguments: Any, **options: Any) -> None:
        self._told = told
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.parent.name != "miniwob" or path.suffix != ".html" or not path.is_file():
            super().do_GET()
            return
        content = path.read_text().replace("<head>", f"<head>{_SCRIPT % (EPISODE_S * 1000)}", 1).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        value = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        task = query["task"][0].removesuffix(".html")
        self._told[task, int(query["seed"][0]), query["what"][0]] = value
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass
