"""A stateful stand-in for Stripe on loopback, for the real SDK to drive: REST API, pages and webhooks.

It checks what Stripe checks (the key, names of parameters, idempotency keys) and fails as a test tells it to.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import stripe
from tests.stripe import checkout, payments, subscriptions
from tests.stripe.errors import StripeAnswersError
from tests.stripe.form import decoded
from tests.stripe.routes import answer
from tests.stripe.store import Object, Store
from tests.stripe.webhooks import Deliveries

SECRET_KEY = "sk_test_standin"

When = Literal["before", "after", "lost"]
"""A failure before anything was done, after it, or an answer that never arrives."""


@dataclass
class Kept:
    """The answer that an idempotency key has had."""

    asked: tuple[str, Object]
    status: int
    body: Object


class StandIn:
    """The server, for as long as the block lasts."""

    def __init__(self) -> None:
        self.store = Store()
        self.deliveries = Deliveries(self.store)
        self.kept: dict[str, Kept] = {}
        self.requests: list[tuple[str, str, Object]] = []
        """Method, path and parameters of each request to the API."""
        self.failures: list[tuple[int, When]] = []
        """The next requests fail with these statuses, one each."""
        handler = type("Handler", (_Handler,), {"stand_in": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.address = self.store.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.deliveries.stop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def environment_of(self, server: str) -> dict[str, str]:
        """The variables of a Skyhook at this address, which takes money here and gets the events."""
        client = stripe.StripeClient(SECRET_KEY, base_addresses={"api": self.address})
        endpoint = client.v1.webhook_endpoints.create(
            {"url": f"{server}/webhooks/stripe", "enabled_events": ["*"]}
        )
        return {
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_WEBHOOK_SECRET": endpoint.secret,
            "STRIPE_API_URL": self.address,
        }

    def fail(self, *statuses: int, when: When = "before") -> None:
        """Makes the next requests fail."""
        self.failures += [(status, when) for status in statuses]

    def turn_clock(self, *, days: int) -> None:
        """Moves the account's time on day by day, and does what becomes due."""
        with self.store.lock:
            for _ in range(days):
                self.store.turn_clock(subscriptions.DAY)
                subscriptions.turn(self.store)

    def pay(self, session_id: str, number: str, *, country: str = "") -> None:
        """What a customer does on the page of a session. Raises StripeAnswersError where it fails."""
        with self.store.lock:
            session = self.store.get("checkout.session", session_id)
            checkout.pay(self.store, session, number, asked_owner=True, country=country)

    def pay_invoice(self, invoice_id: str, number: str) -> None:
        """What a customer does on the page of an open invoice. Raises StripeAnswersError where it fails."""
        with self.store.lock:
            invoice = self.store.get("invoice", invoice_id)
            method = payments.new_method(self.store, number, set_up=True)
            payments.attach(self.store, method, invoice["customer"])
            subscriptions.pay_by_hand(self.store, invoice, method["id"])

    def close_dispute(self, dispute_id: str, *, won: bool) -> None:
        """What the bank decides."""
        with self.store.lock:
            payments.close_dispute(self.store, dispute_id, won=won)

    def handle(self, method: str, path: str, asked: Object, headers: Any) -> tuple[int, Object, bool]:
        """The status and the body of an answer, and whether it was given before."""
        key = headers.get("Idempotency-Key")
        with self.store.lock:
            self.requests.append((method, path, asked))
            failure = self.failures.pop(0) if self.failures else None
            if failure is not None and failure[1] == "before":
                return failure[0], _broken(failure[0]), False
            if key is None or method != "POST":
                status, body = self._do(method, path, asked, key)
                replayed = False
            else:
                status, body, replayed = self._once(key, path, asked)
            if failure is None:
                return status, body, replayed
            if failure[1] == "lost":
                raise ConnectionAbortedError
            broken = failure[0], _broken(failure[0])
            if key in self.kept:
                # As Stripe does: the first answer to a key stays its answer, also where that is a failure.
                self.kept[key] = Kept(self.kept[key].asked, *broken)
            return *broken, False

    def _once(self, key: str, path: str, asked: Object) -> tuple[int, Object, bool]:
        before = self.kept.get(key)
        if before is not None:
            if before.asked != (path, asked):
                error = StripeAnswersError(
                    400,
                    "idempotency_error",
                    f"Keys for idempotent requests can only be used with the same parameters they were "
                    f"first used with. Try using a key other than '{key}' for a different request.",
                )
                return error.status, error.body, False
            return before.status, before.body, True
        status, body = self._do("POST", path, asked, key)
        self.kept[key] = Kept((path, asked), status, body)
        return status, body, False

    def _do(self, method: str, path: str, asked: Object, key: str | None) -> tuple[int, Object]:
        self.store.request = {"id": self.store.token("req_", 14), "idempotency_key": key}
        try:
            # A copy through JSON: what is answered does not change with the object.
            return 200, json.loads(json.dumps(payments.shown(answer(self.store, method, path, asked))))
        except StripeAnswersError as error:
            return error.status, json.loads(json.dumps(payments.shown(error.body)))


def _broken(status: int) -> Object:
    kind = "rate_limit" if status == 429 else "api_error"
    error = {"type": "invalid_request_error" if status == 429 else kind, "message": "Something went wrong."}
    if status == 429:
        error["code"] = kind
    return {"error": error}


class _Handler(BaseHTTPRequestHandler):
    stand_in: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if parts.path.startswith("/v1/"):
            self._api(parts.path, body or parts.query)
        else:
            self._page(parts.path, body, parts.query)

    def _api(self, path: str, text: str) -> None:
        if self.headers.get("Authorization") != f"Bearer {SECRET_KEY}":
            error = StripeAnswersError(401, "invalid_request_error", "Invalid API Key provided")
            self._json(401, error.body)
            return
        try:
            asked = decoded(text)
        except StripeAnswersError as error:
            self._json(error.status, error.body)
            return
        try:
            status, body, replayed = self.stand_in.handle(self.command, path, asked, self.headers)
        except ConnectionAbortedError:
            self.close_connection = True
            self.connection.close()
            return
        self._json(status, body, **({"Idempotent-Replayed": "true"} if replayed else {}))

    def _json(self, status: int, body: Object, **headers: str) -> None:
        request_id = self.stand_in.store.token("req_", 14)
        self._send(status, "application/json", json.dumps(body), {"Request-Id": request_id, **headers})

    def _page(self, path: str, body: str, query: str) -> None:
        with self.stand_in.store.lock:
            try:
                there, page = self._customer(path, decoded(body), decoded(query))
            except StripeAnswersError as error:
                self._send(error.status, "text/html; charset=utf-8", str(error), {})
                return
        if there is not None:
            self._send(303, "text/html; charset=utf-8", "", {"Location": there})
        else:
            self._send(200, "text/html; charset=utf-8", page, {})

    def _customer(self, path: str, form: Object, query: Object) -> tuple[str | None, str]:
        """The address to go to, or the page to show, of what a customer does in a browser."""
        store, steps = self.stand_in.store, path.strip("/").split("/")
        if steps[:2] == ["p", "session"]:
            return self._portal(store.get("billing_portal.session", steps[2]), form)
        if steps[:1] == ["invoice"]:
            return None, self._invoice(store.get("invoice", steps[1]), form)
        if steps[:2] != ["c", "pay"]:
            raise StripeAnswersError(404, "invalid_request_error", "There is nothing here.")
        session = store.get("checkout.session", steps[2])
        asking = steps[3:] == ["3ds"]
        if self.command == "GET":
            return None, checkout.asking_page(session, query["number"]) if asking else checkout.payment_page(
                session
            )
        if asking and form.get("answer") != "yes":
            return None, checkout.payment_page(session, "We are unable to authenticate your payment method.")
        try:
            there = checkout.pay(store, session, form.get("number", ""), asked_owner=asking)
        except StripeAnswersError as error:
            return None, checkout.payment_page(session, str(error))
        return there or session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]), ""

    def _invoice(self, invoice: Object, form: Object) -> str:
        store, error = self.stand_in.store, ""
        if self.command == "POST":
            try:
                method = payments.new_method(store, form.get("number", ""), set_up=True)
                payments.attach(store, method, invoice["customer"])
                subscriptions.pay_by_hand(store, invoice, method["id"])
            except StripeAnswersError as refused:
                error = str(refused)
        return checkout.invoice_page(invoice, error)

    def _portal(self, session: Object, form: Object) -> tuple[str | None, str]:
        store = self.stand_in.store
        if self.command == "POST":
            if "end" in form:
                subscriptions.update(
                    store, store.get("subscription", form["end"]), {"cancel_at_period_end": "true"}
                )
            elif "detach" in form:
                answer(store, "POST", f"/v1/payment_methods/{form['detach']}/detach", {})
            elif "number" in form:
                method = payments.new_method(store, form["number"], set_up=True)
                payments.attach(store, method, session["customer"])
                customer = store.get("customer", session["customer"])
                customer["invoice_settings"]["default_payment_method"] = method["id"]
                store.emit("customer.updated", customer)
        return None, checkout.portal_page(store, session)

    def _send(self, status: int, kind: str, text: str, headers: dict[str, str]) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
