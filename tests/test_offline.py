"""The guard of conftest.py: tests reach this machine and nothing else."""

from __future__ import annotations

import os
import socket

import pytest

DOCUMENTATION_ADDRESS = "192.0.2.1"  # RFC 5737: belongs to nobody


def test_other_machines_are_refused() -> None:
    with (
        socket.socket() as s,
        pytest.raises(OSError, match=r"stay on this machine: no connection"),
    ):
        s.connect((DOCUMENTATION_ADDRESS, 80))


def test_names_are_not_looked_up() -> None:
    with pytest.raises(OSError, match=r"'example\.org' was not looked up"):
        socket.create_connection(("example.org", 80))


def test_this_machine_is_reached() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        client.sendall(b"x")
        there, _ = server.accept()
        with there:
            assert there.recv(1) == b"x"


def test_child_processes_meet_a_closed_door() -> None:
    assert os.environ["https_proxy"].startswith("http://127.0.0.1:")
    with socket.socket() as s:
        assert s.connect_ex(("127.0.0.1", 9)) != 0
