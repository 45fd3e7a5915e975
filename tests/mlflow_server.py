"""A real `mlflow models serve` on loopback, started and ended by a test."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STARTS_WITHIN_S = 180
"""mlflow imports for seconds, and for much longer on a busy machine."""


@contextmanager
def serving(model: Path, folder: Path) -> Iterator[str]:
    """Serves an MLflow model from `folder`, which takes the log, and gives the URL for rows.

    Nobody promises that a port stays free between the look and the start; another one is tried then.
    """
    for _ in range(3):
        process, url = _started(model, folder)
        try:
            if _answers(process, url):
                yield f"{url}/invocations"
                return
        finally:
            _end(process)
    log = (folder / "server.log").read_text("utf-8", "replace")
    raise RuntimeError(f"mlflow models serve does not start:\n{log[-3000:]}")


def _started(model: Path, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # it calls `uvicorn`
    environment = {**os.environ, "PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model), "--env-manager", "local"]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # the server is a child of a child: its whole group is ended
        )
    return process, f"http://127.0.0.1:{port}"


def _answers(process: subprocess.Popen[bytes], url: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, urllib.error.URLError), direct.open(f"{url}/ping", timeout=5) as answer:
            if answer.status == 200:
                return True
        time.sleep(0.1)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
