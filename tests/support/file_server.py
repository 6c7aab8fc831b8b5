"""A local file server that misbehaves on demand."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Server(ThreadingHTTPServer):
    """Serves the files of a folder; `plans` says how to misbehave on the next requests for a name."""

    block_on_close = False

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.plans: dict[str, list[str]] = defaultdict(list)
        self.seen: list[tuple[str, str | None]] = []
        self.release = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def ranges(self, name: str) -> list[str | None]:
        return [asked for seen, asked in self.seen if seen == name]

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        asked = self.headers["Range"]
        self.server.seen.append((name, asked))
        plan = self.server.plans[name].pop(0) if self.server.plans[name] else "ok"
        path = self.server.folder / name
        if plan.isdigit() or not path.is_file():
            return self.send_error(int(plan) if plan.isdigit() else 404)
        if plan == "redirect":
            return self.head(302, {"Location": f"/elsewhere/{name}"})
        if plan == "redirect-file":
            return self.head(302, {"Location": f"file://{path}"})
        if plan == "hang":
            self.server.release.wait(10)
            return None
        content = path.read_bytes()
        return self.answer(content, int(re.findall(r"\d+", asked)[0]) if asked else 0, plan)

    def answer(self, content: bytes, start: int, plan: str) -> None:
        if plan in ("wrong", "wrong-end"):
            at = 0 if plan == "wrong" else -1
            flipped = bytearray(content)
            flipped[at] ^= 1
            content = bytes(flipped)
        if plan == "long":
            content += b"more"
        if plan in ("ignore-range", "long"):
            start = 0
        if start >= len(content):
            return self.head(416, {"Content-Range": f"bytes */{len(content)}"})
        body = content[start:]
        headers = {"Content-Length": str(len(body) + (5 if plan == "promise-more" else 0))}
        if plan in ("long", "silent-cut"):
            del headers["Content-Length"]
        shown = start + 1 if plan == "shifted" else start
        if start:
            headers["Content-Range"] = f"bytes {shown}-{len(content) - 1}/{len(content)}"
        self.head(206 if start else 200, headers)
        if plan in ("cut", "silent-cut", "stall"):
            body = body[: len(body) // 2]
        self.wfile.write(body)
        if plan == "stall":
            self.wfile.flush()
            self.server.release.wait(10)
        return None

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep stderr for the tests."""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Serve `folder` in a thread until the block ends."""
    server = Server(folder)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.release.set()
        server.shutdown()
        server.server_close()
