"""The proxy of the crash matrix does to connections what each of its modes says, and nothing else."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest
from fault_proxy import FaultProxy, Mode


@pytest.fixture
def echo():
    """The port of a server that sends back what it is sent."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(one):
        with one, suppress(OSError):  # the proxy resets
            while piece := one.recv(4096):
                one.sendall(piece)

    def accept():
        while True:
            try:
                one, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(one,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


@pytest.fixture
def proxy(echo):
    """A proxy before it."""
    with FaultProxy(echo) as made:
        yield made


@pytest.fixture
def connect(proxy):
    """Connections through the proxy."""
    made = []

    def connection():
        made.append(socket.create_connection(("127.0.0.1", proxy.port), timeout=10))
        return made[-1]

    yield connection
    for one in made:
        with suppress(OSError):
            one.close()


def said(one, word=b"hello"):
    """What comes back."""
    one.sendall(word)
    return one.recv(4096)


@pytest.mark.parametrize("mode", [Mode.PASS, Mode.LATE])
def test_passes_bytes_on(proxy, connect, mode):
    """At once or later."""
    proxy.mode = mode
    assert said(connect()) == b"hello"


def cut(connection):
    """Whether a connection that is made so comes to nothing: it is refused, reset or ended."""
    try:
        return not said(connection())
    except ConnectionError:
        return True


def test_resets_what_is_open_and_what_comes(proxy, connect):
    """Until the mode changes."""
    one = connect()
    assert said(one) == b"hello"
    proxy.mode = Mode.RESET
    assert cut(lambda: one)
    assert cut(connect)
    proxy.mode = Mode.PASS
    assert said(connect()) == b"hello"


@pytest.mark.parametrize("mode", [Mode.BLACK_HOLE, Mode.DEAF])
def test_what_is_held_back_comes_when_the_way_is_free(proxy, connect, mode):
    """Nothing is lost within a connection that nobody has ended: TCP would send it again as well."""
    one = connect()
    proxy.mode = mode
    one.settimeout(0.3)
    with pytest.raises(TimeoutError):
        said(one)
    proxy.mode = Mode.PASS
    one.settimeout(10)
    assert one.recv(4096) == b"hello"


def test_a_half_open_connection_is_silent_and_a_new_one_is_well(proxy, connect):
    """As after a firewall has forgotten it."""
    one = connect()
    assert said(one) == b"hello"
    proxy.mode = Mode.HALF_OPEN
    one.settimeout(0.3)
    with pytest.raises(TimeoutError):
        said(one)
    assert said(connect()) == b"hello"


def test_a_server_that_is_not_there_is_a_reset(connect, proxy):
    """And no hanging."""
    proxy._target = 1
    assert cut(connect)
