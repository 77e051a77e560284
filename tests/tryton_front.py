"""What stands in front of a real Tryton and spoils its answers: the request arrives, the reply does not come back whole."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

# What an answer may become, by its name; TURNED_AWAY come instead of asking Tryton at all.
SPOILT: dict[str, tuple[int, bytes]] = {
    "html": (200, b"<!DOCTYPE html><html><body>Sign in to the hotel's network</body></html>"),
    "nothing": (200, b""),
    "huge": (200, b'{"id": 1, "result": "' + b"x" * 10_000_000 + b'"}'),
    "other": (200, b'{"id": 2, "result": {}}'),
    "form": (200, b'{"id": 1, "result": ["?"]}'),
    "failed": (200, b'{"id": 1, "error": ["the disk is full", "Traceback"]}'),
    "deep": (200, b"[" * 200_000),
    "broken": (500, b"Internal Server Error"),
    "gateway": (502, b"Bad Gateway"),
    "away": (503, b"<p>server closed the connection unexpectedly</p>"),
}
TURNED_AWAY = {
    # As Tryton 8.2 says it after its last retry.
    "busy": (503, b"<p>could not obtain lock on row in relation &#34;ir_sequence_strict&#34;</p>"),
    "forbidden": (403, b""),
    "gone": (404, b""),
    "session": (401, b""),
}


class Front:
    """Start it with ``with``. ``moods``: what becomes of a call, by the last word of its method; the rest passes.

    ``hang``: the call has gone through and its answer never comes; ``drop``: the connection is closed instead of an
    answer; ``hold``: it is kept, and never goes through.
    ``arrived`` is set when a call stands at one of the two.
    """

    def __init__(self, url: str, context: ssl.SSLContext | None = None) -> None:
        self.moods: dict[str, str] = {}
        self.arrived = threading.Event()
        self.ended = threading.Event()
        self.tryton = httpx.Client(base_url=url, timeout=60, trust_env=False, verify=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if context:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.tryton.close()


def _handler(front: Front) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            mood = next((mood for word, mood in front.moods.items() if f'.{word}"'.encode() in body), "")
            if mood in TURNED_AWAY:
                self._answer(*TURNED_AWAY[mood])
                return
            if mood == "hold":
                front.arrived.set()
                front.ended.wait(120)
                return
            headers = {
                "Content-Type": "application/json",
                "Authorization": self.headers["Authorization"] or "",
            }
            reply = front.tryton.post(self.path, content=body, headers=headers)
            if mood == "hang":
                front.arrived.set()
                front.ended.wait(120)
            elif mood == "drop":
                self.close_connection = True
            elif mood:
                self._answer(*SPOILT[mood])
            else:
                self._answer(reply.status_code, reply.content)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                # Whoever asked has hung up.
                self.close_connection = True

    return Handler
