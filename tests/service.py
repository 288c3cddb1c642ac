"""Runs `hotspots serve` as a process of its own, and speaks to it over plain sockets."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

HANG_S = 120  # only to notice that something never ends


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until a condition holds; raise `TimeoutError` where it never does."""
    gone = time.monotonic() + HANG_S
    while not holds():
        if time.monotonic() > gone:
            raise TimeoutError
        time.sleep(0.05)


@dataclass
class Service:
    """A running service: its address, its process, and the file of its log."""

    port: int
    process: subprocess.Popen[str]
    log: Path

    def connect(self, receive_bytes: int = 0) -> socket.socket:
        """Return a connection; with `receive_bytes`, one whose client takes little at a time."""
        caller = socket.socket()
        if receive_bytes:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        caller.settimeout(HANG_S)
        caller.connect(("127.0.0.1", self.port))
        return caller

    def ask(self, sent: bytes) -> bytes:
        """Return all that the service sends until it ends the connection."""
        with self.connect() as caller:
            caller.sendall(sent)
            return rest_of(caller)

    def get(self, path: str, *headers: str, method: str = "GET") -> tuple[int, Message, bytes]:
        """Return status, headers and body of one answer."""
        lines = [f"{method} {path} HTTP/1.1", "Host: a", "Connection: close", *headers, "", ""]
        return parsed(self.ask("\r\n".join(lines).encode()))

    def memory_mb(self) -> float:
        """Return the resident memory of the process (Linux)."""
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", told)
        assert found is not None
        return int(found[1]) / 1024


@contextmanager
def serving(folder: Path, edition: Path, registry: Path, **limits: object) -> Iterator[Service]:
    """Run the service under limits, named as in HOTSPOTS_MAX_…; its log is put in `folder`."""
    log = folder / "service.log"
    names = {f"HOTSPOTS_MAX_{name.upper()}": str(value) for name, value in limits.items()}
    command = [sys.executable, "-m", "hotspots", "serve", "--port", "0"]
    command += ["--edition", str(edition), "--registry", str(registry)]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | names
        )
        assert process.stdout is not None
        try:
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
            assert found is not None, log.read_text()
            yield Service(int(found[1]), process, log)
        finally:
            process.terminate()
            process.wait(HANG_S)
            process.stdout.close()


def rest_of(caller: socket.socket) -> bytes:
    """Return what comes until the other side ends the connection, in whatever way."""
    found = b""
    try:
        while piece := caller.recv(1 << 16):
            found += piece
    except ConnectionError:
        pass
    return found


def parsed(answer: bytes) -> tuple[int, Message, bytes]:
    """Return status, headers and body of an answer as bytes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, _, headers = head.partition(b"\r\n")
    return int(line.split()[1]), BytesParser().parsebytes(headers), body
