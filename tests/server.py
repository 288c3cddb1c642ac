"""A file server for tests, a process of its own: real Range requests, and faults by path.

``python tests/server.py FOLDER`` prints its port and serves FOLDER. The first part of a path may
name a fault, which is then that of the file behind it: ``/truncated/a.tif``. ``GET /_log`` tells
all requests so far, ``DELETE /_log`` forgets them.

A process and not a thread: GDAL keeps Python's lock while it waits for an answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

STATUSES = {"401", "403", "404", "410", "500", "503"}
FAULTS = STATUSES | {
    "429",
    "500then",
    "truncated",
    "truncatedonce",
    "stalled",
    "reset",
    "loop",
    "norange",
    "html",
    "htmltyped",
    "slow",
    "weak",
    "undated",
    "changing",
    "silent",
    "meet",
    "elsewhere",
    "stalledonce",
}
HOLD_S = 240  # for which a server that stands still does so, unless its client goes away
PAGE = b"<!DOCTYPE html>\n<html><body>Please log in.</body></html>"


class Seen:
    """What was asked so far."""

    def __init__(self) -> None:
        self.guard = threading.Condition()
        self.log: list[dict[str, Any]] = []
        self.now, self.most = 0, 0
        self.times: dict[str, int] = {}

    def enter(self) -> None:
        """Count a request that begins."""
        with self.guard:
            self.now += 1
            self.most = max(self.most, self.now)
            self.guard.notify_all()

    def leave(self) -> None:
        """Count a request that has ended."""
        with self.guard:
            self.now -= 1

    def meet(self, number: int) -> None:
        """Hold a request until so many have been under way at once, and a moment for more."""
        with self.guard:
            self.guard.wait_for(lambda: self.most >= number, timeout=HOLD_S)
        time.sleep(0.1)

    def time_of(self, path: str) -> int:
        """Return how often `path` was asked for before."""
        with self.guard:
            self.times[path] = self.times.get(path, 0) + 1
            return self.times[path] - 1

    def forget(self) -> None:
        """Begin anew."""
        with self.guard:
            self.log, self.most, self.times = [], self.now, {}


class Handler(BaseHTTPRequestHandler):
    """Serves files, and faults."""

    protocol_version = "HTTP/1.1"
    root: Path
    seen: Seen

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer HEAD."""
        self.answered(head=True)

    def do_GET(self) -> None:
        """Answer GET."""
        self.answered()

    def do_POST(self) -> None:
        """Answer POST."""
        self.answered()

    def do_DELETE(self) -> None:
        """Forget the log."""
        self.seen.forget()
        self.say(200, b"{}", "application/json")

    def answered(self, head: bool = False) -> None:
        """Note the request and answer it."""
        path = urlsplit(self.path).path
        length = int(self.headers.get("Content-Length") or 0)
        self.body = json.loads(self.rfile.read(length)) if length else None
        if path == "/_log":
            told = {"log": self.seen.log, "most": self.seen.most}
            self.say(200, json.dumps(told).encode(), "application/json")
            return
        self.entry: dict[str, Any] = {
            "method": self.command,
            "path": self.path,
            "range": self.headers.get("Range"),
            "if_range": self.headers.get("If-Range"),
            "agent": self.headers.get("User-Agent"),
            "token": self.headers.get("PRIVATE-TOKEN"),
            "status": 0,
            "sent": 0,
            "time": time.time(),
            "if_none_match": self.headers.get("If-None-Match"),
        }
        with self.seen.guard:
            self.seen.log.append(self.entry)
        self.seen.enter()
        try:
            self.dispatched(path, head)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            self.seen.leave()

    def dispatched(self, path: str, head: bool) -> None:
        """Answer as the first part of the path says."""
        fault, _, rest = path.lstrip("/").partition("/")
        fault, _, argument = fault.partition("-")
        if fault in ("cds", "stac"):
            import services

            services.answer(self, fault, rest)
        elif fault not in FAULTS:
            self.file(path, head)
        elif fault in STATUSES:
            self.say(int(fault), b"no", "text/plain")
        elif fault in ("429", "500then"):
            if self.seen.time_of(path) < int(argument or 1):
                heads = {"Retry-After": self.query("wait", "0.2")} if fault == "429" else {}
                self.say(int(fault[:3]), b"busy", "text/plain", heads)
            else:
                self.file(rest, head)
        elif fault == "loop":
            self.say(302, b"", "text/plain", {"Location": self.path})
        elif fault == "elsewhere":
            self.say(302, b"", "text/plain", {"Location": self.query("to", "/")})
        elif fault in ("html", "htmltyped"):
            kind = "text/html; charset=utf-8" if fault == "htmltyped" else "image/tiff"
            self.say(200, b"sorry" if fault == "htmltyped" else PAGE, kind)
        elif fault == "silent":
            self.hold()
        elif fault == "reset" and not argument:
            self.reset()
        elif fault == "meet":
            self.seen.meet(int(argument))
            self.file(rest, head)
        else:
            self.file(rest, head, fault, argument)

    def query(self, name: str, default: str) -> str:
        """Return a parameter of the address."""
        return parse_qs(urlsplit(self.path).query).get(name, [default])[0]

    def say(self, status: int, body: bytes, kind: str, heads: dict[str, str] | None = None) -> None:
        """Answer with a small body."""
        if hasattr(self, "entry"):
            self.entry["status"] = status
        self.send_response(status)
        for name, value in {"Content-Type": kind, **(heads or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hold(self) -> None:
        """Say no more until the client goes away."""
        self.connection.settimeout(HOLD_S)
        with suppress(OSError):
            self.connection.recv(1)
        self.close_connection = True

    def reset(self) -> None:
        """Close with RST: what a dying server or a strict firewall sends."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.wfile.flush()
        self.connection.close()
        self.close_connection = True
        # BaseHTTPRequestHandler flushes once more at its end.
        self.wfile = open(os.devnull, "wb")  # noqa: SIM115

    def file(self, path: str, head: bool, fault: str = "", argument: str = "") -> None:
        """Answer with a file, whole or a range of it."""
        target = (self.root / path.lstrip("/")).resolve()
        if (target / "index.json").is_file():  # what an interface answers for a folder
            target /= "index.json"
        for status in ("403", "202"):  # a file beside it says how a bucket or a host answers
            answer = target.with_name(f"{target.name}.{status}")
            if answer.is_file():
                self.say(int(status), answer.read_bytes(), "application/xml")
                return
        if not target.is_file() or self.root not in target.parents:
            self.say(404, b"not here", "text/plain")
            return
        content = target.read_bytes()
        dated = formatdate(target.stat().st_mtime, usegmt=True)
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        if fault == "changing":
            etag = f'"{self.seen.time_of(self.path)}"'
        heads = {"ETag": etag, "Last-Modified": dated, "Accept-Ranges": "bytes"}
        if fault == "weak":
            heads["ETag"] = f"W/{etag}"
        if fault == "undated":
            heads = {"Accept-Ranges": "bytes"}
        if self.headers.get("If-None-Match") == heads.get("ETag", ""):
            self.say(304, b"", "text/plain", heads)
            return
        first, last, status = self.wanted(len(content), heads, fault)
        if status == 416:
            self.say(416, b"", "text/plain", {**heads, "Content-Range": f"bytes */{len(content)}"})
            return
        self.entry["status"] = status
        self.send_response(status)
        if status == 206:
            heads["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        kind = "application/json" if target.suffix == ".json" else "application/octet-stream"
        for name, value in {**heads, "Content-Type": kind}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        if not head:
            self.send(content[first : last + 1], fault, argument)

    def wanted(self, size: int, heads: dict[str, str], fault: str) -> tuple[int, int, int]:
        """Return the first and last byte that are due, and the status."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if_range = self.headers.get("If-Range")
        known = {heads.get("ETag", "W/"), heads.get("Last-Modified")}
        same = if_range is None or (not if_range.startswith("W/") and if_range in known)
        if fault == "norange" or found is None or not same:
            return 0, size - 1, 200
        first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
        return (first, last, 206) if first < size else (0, 0, 416)

    def send(self, body: bytes, fault: str, argument: str) -> None:
        """Send a body, or what the fault leaves of it."""
        if fault in ("truncatedonce", "stalledonce"):
            fault = "" if self.seen.time_of(self.path) else fault.removesuffix("once")
        if fault in ("truncated", "stalled", "reset"):
            self.write(body[: len(body) // 2])
            if fault == "stalled":
                self.hold()
            elif fault == "reset":
                time.sleep(0.1)  # what was sent must have gone before
                self.reset()
            self.close_connection = True
            return
        if fault == "slow":  # bytes a second
            for start in range(0, len(body), 8192):
                self.write(body[start : start + 8192])
                time.sleep(8192 / float(argument or 100000))
            return
        self.write(body)

    def write(self, body: bytes) -> None:
        """Send bytes, and count them."""
        self.wfile.write(body)
        self.wfile.flush()
        self.entry["sent"] += len(body)


class Server(ThreadingHTTPServer):
    """Doesn't print what clients do that go away."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Print what went wrong unless a client went away."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*_)


def serve(folder: str, port: int = 0) -> None:
    """Serve until the process is ended."""
    Handler.root, Handler.seen = Path(folder).resolve(), Seen()
    server = Server(("127.0.0.1", port), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
