"""The feed of changes while its server is away: whoever asks it is answered at once, and told when it is back."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from store.feeds import CHANNEL, PostgresFeed


class Door:
    """A listening socket before a PostgreSQL server: nobody is let in or turned away before ``let_in``."""

    def __init__(self, url: str) -> None:
        own = conninfo_to_dict(url)
        self._server = f"{own['host']}/.s.PGSQL.{own.get('port', 5432)}"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(30)
        self._ways: list[socket.socket] = []
        port = self._listening.getsockname()[1]
        self.url = make_conninfo(url, host="127.0.0.1", port=port, sslmode="disable", gssencmode="disable")

    def let_in(self) -> None:
        """Connect the first one that waits with the server."""
        inside = socket.socket(socket.AF_UNIX)
        inside.connect(self._server)
        outside = self._listening.accept()[0]
        self._ways += [inside, outside]
        for one, other in ((inside, outside), (outside, inside)):
            Thread(target=_hand_on, args=(one, other), daemon=True).start()

    def cut(self) -> None:
        """Whoever was let in is thrown out."""
        for way in self._ways:
            with contextlib.suppress(OSError):
                way.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.cut()
        for way in (*self._ways, self._listening):
            way.close()


def _hand_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def door(postgres_url: str) -> Iterator[Door]:
    door = Door(postgres_url)
    yield door
    door.close()


@pytest.fixture
def feed(door: Door) -> Iterator[PostgresFeed]:
    """One that lost its server, which does not answer."""
    with ThreadPoolExecutor(1) as beside:
        beside.submit(door.let_in)
        feed = PostgresFeed(door.url)
    assert not feed.changed()
    door.cut()
    until_told(feed)
    yield feed
    feed.close()


def until_told(feed: PostgresFeed) -> None:
    for _ in range(3000):
        if feed.changed():
            return
        Event().wait(0.01)
    pytest.fail("it was not told")


def connecting(feed: PostgresFeed) -> Future[Any]:
    """Asked again, it has begun to connect and has not waited for it: nobody was let in."""
    assert feed.changed()
    assert feed._coming is not None
    return feed._coming


def let_in(door: Door, feed: PostgresFeed, meanwhile: Callable[[], None] = lambda: None) -> Any:
    """This thread asks, and only then lets in what asking has begun: waiting in there would never end."""
    for _ in range(10):
        coming = connecting(feed)
        meanwhile()
        door.let_in()
        if coming.exception(timeout=30) is None:
            return coming.result()
        # It was given up before this slow machine came to it: the next one.
        assert feed.changed()
    pytest.fail("it never came in")


def test_a_server_that_does_not_answer_is_not_waited_for(
    door: Door, feed: PostgresFeed, postgres_url: str
) -> None:
    let_in(door, feed)
    # Nobody knows what was committed meanwhile.
    assert feed.changed()
    assert not feed.changed()
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute(f"NOTIFY {CHANNEL}")
    until_told(feed)


def test_a_feed_that_is_closed_meanwhile_leaves_no_connection(door: Door, feed: PostgresFeed) -> None:
    made = let_in(door, feed, feed.close)
    for _ in range(3000):
        if made.closed:
            return
        Event().wait(0.01)
    pytest.fail("its connection stays")
