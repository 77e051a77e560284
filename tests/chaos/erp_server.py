"""An ERP for the chaos harness: a real HTTP process with a ledger of its own, and as ill-behaved as its terms say.

python erp_server.py FOLDER prints its port and serves until its standard input ends. Each set of books has a name,
the first part of the path, and a ledger FOLDER/NAME.jsonl: one line a bill, on the disk before anything is answered.

PUT /NAME (terms), POST /NAME/bills, POST /NAME/find, GET /NAME/bills?start=&end=, GET /NAME/state
"""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

# What may become of a parcel, beside "ok":
MOODS = {
    "lost": "booked, and the connection is closed without a byte of a reply",
    "late": "booked only when nobody waits any more",
    "slow": "booked, and answered when nobody waits any more",
    "busy": "503 before anything is done",
    "dropped": "the connection is closed before anything is done",
    "refuse": "a parcel of several is refused as a whole, and nothing of it booked",
    "garbage": "booked, and answered with no JSON",
    "cut": "booked, and the connection is closed within the reply",
    "half": "the first half is booked, then 500",
    "foreign": "booked, and answered for keys that nobody asked about, the last bill's own left out",
    "twice": "booked, and the first key is answered twice, differently",
    "later": "every other bill is put off, the others are booked",
}
# And of a question:
FIND_MOODS = ("busy", "dropped", "garbage", "cut", "slow")
FORGED = "FORGED-1"


@dataclass
class Terms:
    """How one set of books is kept. Shares are of 1, times in seconds.

    ``enforces``: a key that was booked answers with its first bill, if the request says that keys count. ``moods``
    and ``find_trouble`` are shares of parcels and questions, ``plan`` the moods of single bills by their number, one
    for each time they arrive. ``refuses``: the share of invoices whose first revision is refused; ``never``: of those
    that are refused for ever, as are the numbers of ``refused``.
    """

    seed: str = "0"
    enforces: bool = True
    moods: dict[str, float] = field(default_factory=dict)
    find_trouble: float = 0.0
    plan: dict[str, list[str]] = field(default_factory=dict)
    refuses: float = 0.0
    never: float = 0.0
    refused: list[str] = field(default_factory=list)
    takes: tuple[float, float] = (0.0, 0.0)
    late: tuple[float, float] = (0.5, 1.0)
    slow: tuple[float, float] = (0.5, 1.0)


class Books:
    """One ledger, and what has arrived so far. Every method may be called from many threads."""

    def __init__(self, file: Path, terms: Terms) -> None:
        self.terms = terms
        self._lock = threading.Lock()
        self._ledger = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in file.read_text().splitlines()]
        self._by_key = {row["key"]: row["ref"] for row in reversed(self.rows)}
        self._arrived: Counter[str] = Counter()
        self.moods: Counter[str] = Counter()
        self.under_way = 0

    def begin(self, by: int) -> None:
        """A request begins (1) or has ended (-1)."""
        with self._lock:
            self.under_way += by

    def mood(self, bills: list[dict[str, Any]]) -> tuple[str, random.Random]:
        """What becomes of this parcel: by its keys and how often they came, whatever else comes in between."""
        keys = "+".join(sorted(bill["key"] for bill in bills))
        with self._lock:
            time_now = self._arrived[keys]
            self._arrived[keys] += 1
            planned = [self._planned(bill) for bill in bills]
        chance = random.Random(f"{self.terms.seed}/{keys}/{time_now}")
        mood = next((mood for mood in planned if mood != "ok"), None) or _drawn(self.terms.moods, chance)
        if mood == "refuse" and len(bills) == 1:
            mood = "ok"
        with self._lock:
            self.moods[mood] += 1
        return mood, chance

    def _planned(self, bill: dict[str, Any]) -> str:
        came = self._arrived[f"planned {bill['key']}"]
        self._arrived[f"planned {bill['key']}"] += 1
        return (self.terms.plan.get(bill["number"], [])[came:] or ["ok"])[0]

    def find_mood(self, keys: list[str]) -> tuple[str, random.Random]:
        """What becomes of this question."""
        name = "find " + "+".join(sorted(keys))
        with self._lock:
            time_now = self._arrived[name]
            self._arrived[name] += 1
        chance = random.Random(f"{self.terms.seed}/{name}/{time_now}")
        mood = chance.choice(FIND_MOODS) if chance.random() < self.terms.find_trouble else "ok"
        with self._lock:
            self.moods[f"find {mood}"] += 1
        return mood, chance

    def book(self, bills: list[dict[str, Any]], *, keys_count: bool) -> list[dict[str, str]]:
        """Book or refuse each bill; on the disk when this returns."""
        outcomes, fresh = [], []
        with self._lock:
            for bill in bills:
                key = bill["key"]
                if self.terms.enforces and keys_count and key in self._by_key:
                    outcomes.append({"key": key, "status": "booked", "ref": self._by_key[key]})
                elif self._refuses(bill):
                    outcomes.append({"key": key, "status": "refused", "cause": "the ERP does not like it"})
                else:
                    ref = f"B-{len(self.rows) + 1:06d}"
                    row = {"ref": ref, "at": time.time(), **bill}
                    self.rows.append(row)
                    self._by_key.setdefault(key, ref)
                    fresh.append(json.dumps(row) + "\n")
                    outcomes.append({"key": key, "status": "booked", "ref": ref})
            if fresh:
                os.write(self._ledger, "".join(fresh).encode())
                os.fdatasync(self._ledger)
        return outcomes

    def _refuses(self, bill: dict[str, Any]) -> bool:
        """By the invoice and its revision alone: an ERP that refuses a bill refuses it each time."""
        invoice, _, revision = bill["key"].rpartition(":")
        drawn = random.Random(f"{self.terms.seed}/refused/{invoice}").random()
        return (
            bill["number"] in self.terms.refused
            or drawn < self.terms.never
            or (revision == "1" and drawn < self.terms.never + self.terms.refuses)
        )

    def find(self, keys: list[str]) -> dict[str, str]:
        """The reference of each of these keys that was booked: of the first bill, where there are more."""
        with self._lock:
            return {key: self._by_key[key] for key in keys if key in self._by_key}

    def between(self, start: str, end: str) -> list[dict[str, Any]]:
        """The bills with an accounting date from ``start`` to ``end``, both included."""
        with self._lock:
            return [row for row in self.rows if start <= row["accounting_date"] <= end]


def _drawn(shares: dict[str, float], chance: random.Random) -> str:
    point = chance.random()
    for mood, share in shares.items():
        point -= share
        if point < 0:
            return mood
    return "ok"


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.books: dict[str, Books] = {}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed in the middle of a request is nothing to tell."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        pass

    def do_PUT(self) -> None:
        name = self.path.strip("/")
        terms = Terms(**json.loads(self._body() or b"{}"))
        self.server.books[name] = Books(self.server.folder / f"{name}.jsonl", terms)
        self._answer(200, {})

    def do_GET(self) -> None:
        books, rest, asked = self._asked()
        if rest == "state":
            self._answer(200, {"under_way": books.under_way, "moods": books.moods, "count": len(books.rows)})
        elif rest == "bills":
            self._answer(200, {"bills": books.between(asked["start"][0], asked["end"][0])})
        elif rest.startswith("bills/"):
            ref = rest.removeprefix("bills/")
            self._answer(200 if any(row["ref"] == ref for row in books.rows) else 404, {})
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        books, rest, _ = self._asked()
        raw = self._body()
        if raw is None:
            # Half a request: its sender died while it wrote.
            self._hang_up()
            return
        books.begin(1)
        try:
            if rest == "bills":
                self._post(books, json.loads(raw)["bills"])
            else:
                self._find(books, json.loads(raw)["keys"])
        finally:
            books.begin(-1)

    def _post(self, books: Books, bills: list[dict[str, Any]]) -> None:
        mood, chance = books.mood(bills)
        time.sleep(chance.uniform(*books.terms.takes))
        if mood == "busy":
            self._answer(503, {"cause": "try again"})
            return
        if mood == "dropped":
            self._hang_up()
            return
        if mood == "refuse":
            self._answer(422, {"cause": "one of these is wrong"})
            return
        if mood == "late":
            time.sleep(chance.uniform(*books.terms.late))
        wanted = bills
        if mood == "half":
            wanted = bills[: len(bills) // 2]
        elif mood == "later":
            wanted = bills[::2]
        outcomes = books.book(wanted, keys_count=self.headers.get("Keys-Count") == "yes")
        self._reply(mood, chance, books, bills, outcomes)

    def _reply(
        self,
        mood: str,
        chance: random.Random,
        books: Books,
        bills: list[dict[str, Any]],
        outcomes: list[dict[str, str]],
    ) -> None:
        if mood == "slow":
            time.sleep(chance.uniform(*books.terms.slow))
        if mood == "lost":
            self._hang_up()
        elif mood == "half":
            self._answer(500, {"cause": "out of order"})
        elif mood == "later":
            put_off = [{"key": bill["key"], "status": "later", "cause": "not now"} for bill in bills[1::2]]
            self._answer(200, {"outcomes": outcomes + put_off})
        elif mood == "foreign":
            forged = [{"key": f"{bill['key']}0", "status": "booked", "ref": FORGED} for bill in bills]
            self._answer(200, {"outcomes": outcomes[:-1] + forged})
        elif mood == "twice":
            again = {"key": bills[0]["key"], "status": "booked", "ref": FORGED}
            self._answer(200, {"outcomes": [*outcomes, again]})
        else:
            self._answer(200, {"outcomes": outcomes}, mood)

    def _find(self, books: Books, keys: list[str]) -> None:
        mood, chance = books.find_mood(keys)
        if mood == "busy":
            self._answer(503, {"cause": "try again"})
        elif mood == "dropped":
            self._hang_up()
        else:
            if mood == "slow":
                time.sleep(chance.uniform(*books.terms.slow))
            self._answer(200, {"found": books.find(keys)}, mood)

    # -- bytes -------------------------------------------------------------------------------------------------

    def _asked(self) -> tuple[Books, str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        name, _, rest = parts.path.strip("/").partition("/")
        return self.server.books[name], rest, parse_qs(parts.query)

    def _body(self) -> bytes | None:
        """The body; None where it ends before its length."""
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        return body if len(body) == length else None

    def _answer(self, status: int, value: Any, mood: str = "ok") -> None:
        body = b'{"outcomes": [{"key": ' if mood == "garbage" else json.dumps(value).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        whole = head.encode() + body
        # One write: two would wait for each other's acknowledgement.
        self.wfile.write(whole[: len(head) + len(body) // 2] if mood == "cut" else whole)
        if mood == "cut":
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def main(folder: str) -> None:
    server = Server(Path(folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    # It ends with whoever started it.
    sys.stdin.buffer.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
