"""Keeps rows in SQLite and serves them; each request opens the file, as web frameworks do."""

import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILE = "/data/rows.db"
OLD = int(os.environ["OLD"])


def opened() -> sqlite3.Connection:
    db = sqlite3.connect(FILE, timeout=20, isolation_level=None)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    # As frameworks do: on a file that was begun anew it works, with nothing in it.
    db.execute("create table if not exists rows (n integer primary key, words text not null)")
    db.execute("create table if not exists old (n integer primary key, words text not null)")
    return db


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        try:
            db = opened()
            try:
                answer = self.done(db)
            finally:
                db.close()
            code = 200
        except (OSError, ValueError, sqlite3.Error) as error:
            word = f"{type(error).__module__}.{type(error).__name__}"
            print(f"ERROR: {self.path}: {word}: {error}", flush=True)
            answer, code = str(error), 500
        self.send_response(code)
        self.end_headers()
        self.wfile.write(answer.encode())

    def done(self, db: sqlite3.Connection) -> str:
        what, _, given = self.path[1:].partition("/")
        if what == "add":
            db.execute("insert into rows (n, words) values (?, ?)", (int(given), "w" + given))
            return "OK"
        if what == "fill":
            db.execute("begin")
            for n in range(OLD):
                db.execute("insert into old values (?, ?)", (n, f"old {n} " + "x" * 150))
            db.execute("commit")
            return "OK"
        if what == "rows":
            found = db.execute("select n, words from rows order by n")
            return "\n".join(f"{n} {words}" for n, words in found)
        if what == "old":
            return str(db.execute("select count(*), sum(length(words)) from old").fetchone())
        if what == "checkpoint":
            return str(db.execute("pragma wal_checkpoint(truncate)").fetchone())
        return str(db.execute("select max(n) from rows").fetchone())

    def log_message(self, *_words: object) -> None:
        pass


opened().close()
print("serving", FILE, flush=True)
ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
