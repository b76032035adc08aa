"""For the tests of a plugin: its pages in the console, as a browser gets them."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

from skyhook.accounts.first_run import ADMINISTRATOR

_TOKEN = re.compile(r'"x-form-token": "([0-9a-f]+)"')


class Console:
    """The console's pages of the first organization, for its first user, who is logged in with this."""

    def __init__(self, address: str, password: str) -> None:
        self._address = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self._token = ""
        self._ask("/console/login", {"email": ADMINISTRATOR, "password": password})

    def get(self, path: str) -> str:
        """A page below the organization's, such as `plugins/weather/pages/greetings`."""
        return self._ask(f"/console/o/first/{path}", None)

    def send(self, path: str, **fields: str) -> str:
        """Sends a form, such as `plugins/weather/pages/greetings/greet`; the page that it leads to."""
        return self._ask(f"/console/o/first/{path}", fields)

    def _ask(self, path: str, fields: dict[str, str] | None) -> str:
        body = urllib.parse.urlencode(fields).encode() if fields is not None else None
        headers = {"Sec-Fetch-Site": "same-origin", "X-Form-Token": self._token}
        request = urllib.request.Request(self._address + path, body, headers)  # noqa: S310 (our own address)
        try:
            with self._opener.open(request) as answer:
                page = answer.read().decode()
        except urllib.error.HTTPError as error:
            page = error.read().decode()
        if token := _TOKEN.search(page):
            self._token = token[1]
        return str(page)
