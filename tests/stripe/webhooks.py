"""Events on their way to endpoints: signed, tried again, out of order or twice if a test wants that."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterable

from tests.stripe.payments import shown
from tests.stripe.store import Object, Store

TRIES = 8
FIRST_WAIT_S = 0.05
"""Before the second try; each further one waits twice as long. Stripe waits minutes, up to three days."""


def signature(secret: str, body: bytes, moment: int) -> str:
    """The header that Stripe signs a body with."""
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"


class Deliveries:
    """Sends events in the background, until an endpoint answers with success."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Object] = []
        self._changed = threading.Condition()
        self._busy = 0
        self._held = False
        self._stopped = False
        self.answers: list[tuple[str, int]] = []
        """The id and the answer's status of each try; 0 where nobody answered."""
        store.on_event = self.send
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, event: Object) -> None:
        """Puts an event on its way."""
        with self._changed:
            self._waiting.append(event)
            self._changed.notify_all()

    def hold(self) -> None:
        """Keeps events back until `release`."""
        with self._changed:
            self._held = True

    def release(self, *, shuffled_by: int | None = None, copies: int = 1) -> None:
        """Sends what was kept back, so many times each, in the order of a seed."""
        with self._changed:
            self._waiting = self._waiting * copies
            if shuffled_by is not None:
                random.Random(shuffled_by).shuffle(self._waiting)
            self._held = False
            self._changed.notify_all()

    def settled(self, timeout_s: float = 30) -> bool:
        """Waits until nothing is on its way."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout_s)

    def stop(self) -> None:
        """Sends nothing more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or (self._waiting and not self._held))
                if self._stopped:
                    return
                event = self._waiting.pop(0)
                self._busy += 1
            for endpoint in self._endpoints(event["type"]):
                self._deliver(endpoint, event)
            with self._changed:
                self._busy -= 1
                self._changed.notify_all()

    def _endpoints(self, kind: str) -> Iterable[Object]:
        with self._store.lock:
            every = list(self._store.all("webhook_endpoint", status="enabled"))
        return [one for one in every if kind in one["enabled_events"] or "*" in one["enabled_events"]]

    def _deliver(self, endpoint: Object, event: Object) -> None:
        wait_s = FIRST_WAIT_S
        for _ in range(TRIES):
            status = self.post(endpoint, event)
            if 200 <= status < 300 or self._stopped:
                return
            time.sleep(wait_s)
            wait_s *= 2

    def post(self, endpoint: Object, event: Object) -> int:
        """Sends an event once; the answer's status."""
        body = json.dumps(shown(event)).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(endpoint["secret"], body, int(time.time())),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        request = urllib.request.Request(endpoint["url"], body, headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status: int = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
            error.close()
        except OSError:
            status = 0
        self.answers.append((event["id"], status))
        return status
