"""A real headless Chromium, driven over its DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from base64 import b64decode
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

START_S = 30
TABS = 150
LEFT = -32000
"""The code of DevTools' errors where the page that was asked is gone."""
KEYS = {
    "Tab": (9, ""),
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "ArrowDown": (40, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    " ": (32, " "),
    "k": (75, ""),
}


class Refused(Exception):
    """Chromium did not do what it was asked."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method}: {error}")
        self.code: int = error["code"]


class Chromium:
    """A browser with a profile of its own, for as long as the block lasts."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._numbers = count(1)
        self._open = ExitStack()

    def __enter__(self) -> Chromium:
        program = shutil.which("chromium")
        if program is None:
            raise RuntimeError("The tests need Chromium: apt-get install chromium")
        flags = ["--headless=new", "--remote-debugging-port=0", f"--user-data-dir={self._profile}"]
        flags += ["--no-first-run", "--disable-gpu", "--mute-audio", "--disable-dev-shm-usage"]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")
        self._process = subprocess.Popen(
            [program, *flags, "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        port = self._port()
        pages = httpx.get(f"http://127.0.0.1:{port}/json").json()
        address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
        self._socket: ClientConnection = self._open.enter_context(connect(address, max_size=None))
        self._call("Page.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._process.terminate()
        self._process.wait(timeout=30)

    def open(self, url: str) -> None:
        """Opens an address, and waits until it is there."""
        self._call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def wait(self, condition: str, *, at_most_s: float = START_S) -> None:
        """Waits until an expression is true, also of a page that is only just coming."""
        deadline = time.monotonic() + at_most_s
        while not self._holds(condition):
            assert time.monotonic() < deadline, f"{condition} does not come true"
            time.sleep(0.05)

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is awaited."""
        answer = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def appear(self, *, dark: bool = False, width: int = 1180) -> None:
        """Takes a colour scheme and a width in pixels."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._call("Emulation.setEmulatedMedia", features=scheme)
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False
        )

    def forget(self) -> None:
        """Loses every cookie, and so every login."""
        self._call("Network.clearBrowserCookies")

    def tab_to(self, selector: str) -> None:
        """Presses Tab until an element has the focus, as somebody without a mouse does."""
        for _ in range(TABS):
            if self.run(f"document.activeElement.matches({json.dumps(selector)})"):
                return
            self.press("Tab")
        raise AssertionError(f"Tab does not lead to {selector}")

    def type(self, text: str) -> None:
        """Writes into what has the focus."""
        self._call("Input.insertText", text=text)

    def press(self, key: str, *, control: bool = False) -> None:
        """Presses a key, with Control or alone, and lets it go."""
        code, text = KEYS[key]
        known: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 if control else 0}
        self._call("Input.dispatchKeyEvent", type="keyDown", text=text, **known)
        self._call("Input.dispatchKeyEvent", type="keyUp", **known)

    def send_form(self, selector: str, **fields: str) -> None:
        """Fills a form's fields and sends it, past what the browser itself would check."""
        self.run(f"""(() => {{
          const form = document.querySelector({json.dumps(selector)});
          form.noValidate = true;
          for (const [name, value] of Object.entries({json.dumps(fields)})) form.elements[name].value = value;
          form.requestSubmit();
        }})()""")

    def choose(self, selector: str, file: Path) -> None:
        """Puts a file of this machine into a form's field."""
        found = self._call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        self._call("DOM.setFileInputFiles", files=[str(file)], objectId=found["result"]["objectId"])

    def add_authenticator(self) -> None:
        """Puts a device into the browser that keeps passkeys and always knows its user."""
        options = {"protocol": "ctap2", "transport": "internal", "automaticPresenceSimulation": True}
        options |= {"hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True}
        self._call("WebAuthn.enable")
        self._call("WebAuthn.addVirtualAuthenticator", options=options)

    def go_offline(self, is_offline: bool = True) -> None:
        """Takes the network away from the page, or gives it back."""
        conditions: dict[str, Any] = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self._call("Network.enable")
        self._call("Network.emulateNetworkConditions", offline=is_offline, **conditions)

    def screenshot(self) -> bytes:
        """What is seen, as a PNG."""
        return b64decode(self._call("Page.captureScreenshot", format="png")["data"])

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.run(condition))
        except Refused as refused:
            if refused.code != LEFT:
                raise
            return False  # the page was left while it was asked

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=START_S))
            if message.get("method") == "Page.javascriptDialogOpening":
                yes = {"method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                self._socket.send(json.dumps({"id": next(self._numbers)} | yes))
            if message.get("id") == number:
                if "error" in message:
                    raise Refused(method, message["error"])
                return message["result"]  # type: ignore[no-any-return]

    def _port(self) -> int:
        file = self._profile / "DevToolsActivePort"
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if file.exists() and (lines := file.read_text().splitlines()):
                return int(lines[0])
            time.sleep(0.05)
        raise RuntimeError("Chromium did not start")
