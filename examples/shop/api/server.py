"""The shop's API: orders in PostgreSQL, counters in Redis, nothing but the standard library.

GET  /api/health   200 when the database and the cache answer
GET  /api/orders   the newest orders and how many there are
POST /api/orders   {"item": "coffee"}: places an order
POST /api/hang     with SHOP_FAULTS=on: every later request waits for ever, as after a deadlock
"""

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from postgres import Postgres, PostgresError
from resp import Redis

READ_LATEST = "SELECT id, item, to_json(placed) #>> '{}' FROM orders ORDER BY id DESC LIMIT 10"
HUNG = threading.Event()
NEVER = threading.Event()


def database() -> Postgres:
    """A new connection: with a handful of requests a second, a pool would only hide failures."""
    password = Path(os.environ["DB_PASSWORD_FILE"]).read_text().strip()
    return Postgres(os.environ["DB_HOST"], os.environ["DB_USER"], password, os.environ["DB_NAME"])


def count(command: str) -> int:
    """GET or INCR the counter of placed orders. A cache that is away must not stop a sale: -1."""
    try:
        cache = Redis(os.environ["CACHE_HOST"])
        try:
            return int(cache.call(command, "orders") or 0)
        finally:
            cache.close()
    except OSError as error:
        print(f"cache: {error}", file=sys.stderr)
        return -1


def place(item: str) -> dict[str, object]:
    """Write an order; it is placed when the database has committed it."""
    db = database()
    try:
        [[number]] = db.query("INSERT INTO orders (item) VALUES ($1) RETURNING id", item)
    finally:
        db.close()
    return {"id": int(number or 0), "item": item, "counted": count("INCR")}


def orders() -> dict[str, object]:
    """The newest ten orders, how many there are, and what the cache has counted."""
    db = database()
    try:
        latest = db.query(READ_LATEST)
        [[total]] = db.query("SELECT count(*) FROM orders")
    finally:
        db.close()
    return {
        "orders": [{"id": int(n or 0), "item": item, "placed": at} for n, item, at in latest],
        "total": int(total or 0),
        "placed_since_cache_start": count("GET"),
    }


def health() -> dict[str, object]:
    """Raise OSError unless the database answers; say what the cache does."""
    db = database()
    try:
        db.query("SELECT 1")
    finally:
        db.close()
    return {"database": "ok", "cache": "ok" if count("GET") >= 0 else "away"}


class Handler(BaseHTTPRequestHandler):
    """One request: route it, answer JSON, turn failures into a status and one log line."""

    def do_GET(self) -> None:
        if self.path == "/api/orders":
            self._answer(orders)
        elif self.path == "/api/health":
            self._answer(health)
        else:
            self._send(404, {"error": "there is no such page"})

    def do_POST(self) -> None:
        size = min(int(self.headers.get("Content-Length") or 0), 10_000)
        body = self.rfile.read(size)
        if self.path == "/api/hang" and os.environ.get("SHOP_FAULTS") == "on":
            print("a request took the lock and will never let go of it", file=sys.stderr)
            self._send(202, {"hung": True})
            HUNG.set()
        elif self.path == "/api/orders":
            try:
                item = json.loads(body)["item"]
            except (ValueError, KeyError, TypeError):
                self._send(400, {"error": 'expected {"item": "…"}'})
                return
            self._answer(lambda: place(str(item)))
        else:
            self._send(404, {"error": "there is no such page"})

    def _answer(self, work) -> None:
        if HUNG.is_set():
            NEVER.wait()
        try:
            self._send(200, work())
        except PostgresError as error:
            print(f"database: {error}", file=sys.stderr)
            self._send(500, {"error": str(error)})
        except OSError as error:
            print(f"database: {error}", file=sys.stderr)
            self._send(503, {"error": f"the database does not answer: {error}"})

    def _send(self, status: int, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        if not self.path.startswith("/api/health"):  # one a second would drown the rest
            super().log_message(format, *args)


def main() -> None:
    """Serve until SIGTERM."""
    server = ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("the API listens on port 8000", file=sys.stderr)
    server.serve_forever()


if __name__ == "__main__":
    main()
