"""Ports for servers that will be killed and come back."""

from __future__ import annotations

import socket

from toolgate.streams.local import ports


def test_gives_a_port_that_no_client_is_given_as_its_own(tmp_path, monkeypatch):
    """A reconnecting client must not be able to connect to itself on the port of a killed server."""
    limits = tmp_path / "range"
    limits.write_text("20000\t60999\n")
    monkeypatch.setattr(ports, "_RANGE", limits)
    assert all(10_000 <= ports.free_port() < 20_000 for _ in range(20))


def test_gives_a_port_where_clients_may_have_all(tmp_path, monkeypatch):
    """Where the kernel gives every port to clients, any free one has to do."""
    limits = tmp_path / "range"
    limits.write_text("1024 65535")
    monkeypatch.setattr(ports, "_RANGE", limits)
    assert ports.is_free(ports.free_port())


def test_gives_a_port_where_the_range_is_unknown(tmp_path, monkeypatch):
    """No such file on other systems."""
    monkeypatch.setattr(ports, "_RANGE", tmp_path / "nowhere")
    assert 10_000 <= ports.free_port() < 32_768


def test_sees_whether_somebody_listens():
    """`accepts` and `is_free` tell a taken port from a free one."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert ports.accepts(port)
        assert not ports.is_free(port)
    assert not ports.accepts(port)
    assert ports.is_free(port)
