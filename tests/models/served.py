"""A small real HTTP server for tests: it answers as a script says, and remembers what it was asked."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from limekiln import models
from limekiln.models.model import Model, Output
from limekiln.settings import HttpModel


@dataclass(frozen=True)
class Answer:
    """What the server does with one request.

    Attributes:
        body: bytes as they are, or a value that becomes JSON.
        status, headers: of the answer.
        delay: seconds before it; `drip` seconds between its bytes.
        drop: the connection is closed in place of an answer.
    """

    body: Any = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    drop: bool = False


@dataclass(frozen=True)
class Asked:
    """A request that came in: its path, its headers, and its JSON."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    connection: int
    time: float


@dataclass
class Served:
    """A server's address and the requests so far."""

    url: str
    asked: list[Asked] = field(default_factory=list)


@contextmanager
def serve(script: Callable[[Asked], Answer]) -> Iterator[Served]:
    """Runs a server on loopback whose every answer `script` decides."""
    served = Served("")
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            parsed = json.loads(body) if body else None
            asked = Asked(self.command, self.path, headers, parsed, self.client_address[1], time.monotonic())
            with lock:
                served.asked.append(asked)
                answer = script(asked)
            time.sleep(answer.delay)
            if answer.drop:
                self.close_connection = True
                return
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            pieces = [content[i : i + 1] for i in range(len(content))] if answer.drip else [content]
            for piece in pieces:
                time.sleep(answer.drip)
                try:
                    self.wfile.write(piece)
                except OSError:
                    return  # the client has had enough

        do_GET = do_POST  # noqa: N815 - http.server's name

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}/invocations"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def model_at(url: str, output: Output = "probability", outputs: tuple[str, ...] = (), **more: Any) -> Model:
    """The model behind an address; two classes, or values."""
    classes = () if output == "value" else ("no", "yes")
    source = HttpModel(kind="http", url=url, **({"classes": classes} | more))
    return models.load(source, Path(), output, outputs)
