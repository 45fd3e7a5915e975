"""One request to a model's endpoint, sent again where another try may help; the token never stands in a text.

| what happens | outcome |
|---|---|
| 408, 425, 429, 5xx, no connection, a time-out | tried again, after waits that double, or as `Retry-After` asks |
| the same after all retries | the run stops: no row is at fault |
| 500 after two retries; any other 4xx | the rows are at fault: `PredictionError`, and `checked` finds which |
| 401, 403, 404, 405, 407, 410, 501, a redirect, an answer that is not JSON or too large | the run stops at once |

Redirects are never followed: the token, and the rows, would follow.
"""

import json
import os
import time
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import ip_address
from threading import Lock
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from limekiln.errors import PredictionError, RunError
from limekiln.settings import HttpModel

if TYPE_CHECKING:
    import httpx

FIRST_WAIT_S = 0.5
"""The wait before the first retry; each further one doubles."""
LONGEST_WAIT_S = 60.0
"""No wait grows beyond this by doubling."""
LONGEST_ASKED_S = 600.0
"""A server that asks for a longer wait is not waited for."""
ANSWER_LIMIT = 256 * 1024 * 1024
"""Bytes of an answer, at most."""
_RETRIES_OF_A_500: Final = 2
"""Servers say 500 for a row that makes the model raise too, and each half of a batch pays for its retries."""
_RETRIED: Final = frozenset({408, 425, 429})
_REFUSED: Final = frozenset({401, 403, 407})
_NOT_THERE: Final = frozenset({404, 405, 410, 501})
_ALWAYS: Final = 1_000_000
_SHOWN: Final = 300


class NotThereError(RunError):
    """Nothing lies at this address of a server that does answer."""


@dataclass(frozen=True)
class _Trouble:
    """A try that failed.

    Attributes:
        reason: what a reader is told.
        error: what is raised, once there are no more tries.
        retries: how many more tries are worth it, at most.
        wait: seconds that the server asks to wait.
    """

    reason: str
    error: type[RunError] = RunError
    retries: int = 0
    wait: float = 0.0


def ask(source: HttpModel, method: str, url: str, body: bytes | None = None) -> Any:
    """Send a request and read the JSON that answers it.

    Args:
        source: the endpoint's settings.
        method: GET or POST.
        url: where to.
        body: JSON to send.

    Raises:
        PredictionError: the endpoint refuses these rows.
        RunError: it cannot be reached, refuses us, or answers with something that is no JSON.
    """
    start = time.monotonic()
    tries = 0
    while True:
        _pace(source).wait()
        outcome = _tried(source, method, url, body)
        if not isinstance(outcome, _Trouble):
            return outcome
        if tries >= min(outcome.retries, source.retries) or outcome.wait > LONGEST_ASKED_S:
            raise outcome.error(_told(url, outcome, tries + 1, time.monotonic() - start))
        time.sleep(max(outcome.wait, _backoff(body or b"", tries)))
        tries += 1


def shown(url: str) -> str:
    """Give a URL without its query, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def is_here(url: str) -> bool:
    """Say whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def token(source: HttpModel) -> str | None:
    """Read the bearer token from the environment of this process; None where the endpoint needs none.

    Raises:
        RunError: the variable is not set, or holds what no header can.
    """
    if source.token_env is None:
        return None
    value = os.environ.get(source.token_env, "").strip()
    if not value:
        raise RunError(
            f"model.source.token_env: the environment variable {source.token_env} is not set; set it to the token, on "
            "every worker too"
        )
    if not (value.isascii() and value.isprintable()):
        raise RunError(
            f"model.source.token_env: {source.token_env} holds characters that no token has, as a line break"
        )
    return value


def _tried(source: HttpModel, method: str, url: str, body: bytes | None) -> Any:
    import httpx  # noqa: PLC0415 - an extra, and only this kind needs it

    headers = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if (secret := token(source)) is not None:
        headers["Authorization"] = f"Bearer {secret}"
    try:
        client = _client(source.timeout, os.getpid(), direct=is_here(url))
        with client.stream(method, url, content=body, headers=headers) as response:
            content = _read(response, time.monotonic() + source.timeout)
    except httpx.TimeoutException:
        text = f"no answer within {source.timeout:g} s; raise model.source.timeout, or lower model.source.batch"
        return _Trouble(text, retries=source.retries)
    except httpx.InvalidURL as error:
        return _Trouble(f"model.source.url is no URL: {error}")
    except httpx.TransportError as error:
        return _Trouble(_scrubbed(str(error) or type(error).__name__, secret), retries=source.retries)
    except httpx.DecodingError as error:
        return _Trouble(f"the answer cannot be unpacked: {error}")
    if isinstance(content, _Trouble):
        return content
    return _judged(response, content, secret)


def _read(response: "httpx.Response", deadline: float) -> bytes | _Trouble:
    """An answer's bytes. httpx limits the wait for each piece; a server that drips would never be cut off."""
    import httpx  # noqa: PLC0415 - as above

    pieces, length = [], 0
    for piece in response.iter_bytes():
        length += len(piece)
        if length > ANSWER_LIMIT:
            limit = ANSWER_LIMIT // 1024 // 1024
            return _Trouble(f"the answer is larger than {limit} MiB; lower model.source.batch")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer drips")
        pieces.append(piece)
    return b"".join(pieces)


def _judged(response: "httpx.Response", content: bytes, secret: str | None) -> Any:
    status = response.status_code
    if response.is_success:
        return _parsed(response, content, secret)
    said = _scrubbed(_message(content), secret)
    reason = f"{status} {response.reason_phrase}".strip() + (f": {said}" if said else "")
    if 300 <= status < 400:  # noqa: PLR2004 - the redirects
        place = _scrubbed(shown(response.headers.get("location", "")), secret)
        return _Trouble(
            f"{status}, a redirect to {place}, which is not followed; set model.source.url to the final address"
        )
    if status in _REFUSED:
        hint = "check the token" if secret else "name the token's variable in model.source.token_env"
        return _Trouble(f"{reason}; {hint}")
    if status in _NOT_THERE:
        return _Trouble(reason, NotThereError)
    if status in _RETRIED or status >= 500:  # noqa: PLR2004 - the server's failures
        return _again(status, reason, _asked_wait(response.headers.get("retry-after")))
    return _Trouble(reason, PredictionError)


def _parsed(response: "httpx.Response", content: bytes, secret: str | None) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        kind = response.headers.get("content-type", "of no type")
        text = _scrubbed(_text(content), secret) or "nothing"
        return _Trouble(f"the answer is no JSON ({kind}): {text}; check model.source.url")


def _again(status: int, reason: str, wait: float) -> _Trouble:
    if status == 500:  # noqa: PLR2004 - the one that may be the rows' fault
        return _Trouble(reason, PredictionError, _RETRIES_OF_A_500, wait)
    hint = "; set model.source.requests_per_second" if status == 429 else ""  # noqa: PLR2004 - too many requests
    return _Trouble(f"{reason}{hint}", retries=_ALWAYS, wait=wait)


def _told(url: str, trouble: _Trouble, tries: int, seconds: float) -> str:
    if trouble.error is PredictionError:
        return f"the endpoint refuses: {trouble.reason}"
    often = f" (tried {tries} times in {seconds:.0f} s)" if tries > 1 else ""
    asked = f"; it asks for {trouble.wait:.0f} s of patience" if trouble.wait > LONGEST_ASKED_S else ""
    return f"model.source.url: {shown(url)} does not work as an endpoint{often}: {trouble.reason}{asked}"


def _backoff(body: bytes, tries: int) -> float:
    """Half to all of a wait that doubles; what varies comes from the rows, so that workers spread without chance."""
    share = zlib.crc32(body, tries) / 2**32
    return min(FIRST_WAIT_S * 2.0**tries, LONGEST_WAIT_S) * (0.5 + 0.5 * share)


def _asked_wait(header: str | None) -> float:
    """Seconds that `Retry-After` asks for, given as seconds or as a date; 0 where it asks for none."""
    if header is None:
        return 0.0
    if header.strip().isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _message(content: bytes) -> str:
    """What an error's body says: the message inside its JSON, or its text."""
    try:
        parsed = json.loads(content)
    except ValueError:
        return _text(content)
    if isinstance(parsed, dict):
        said = next((parsed[key] for key in ("message", "error", "detail") if parsed.get(key)), None)
        return _text(str(said if said is not None else parsed).encode())
    return _text(content)


def _text(content: bytes) -> str:
    text = " ".join(content[: 4 * _SHOWN].decode("utf-8", "replace").split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _scrubbed(text: str, secret: str | None) -> str:
    return text.replace(secret, "***") if secret else text


class _Pace:
    """Lets requests go at most so often; one for all threads of a process."""

    def __init__(self, per_second: float | None) -> None:
        self._gap = 0.0 if per_second is None else 1 / per_second
        self._next = 0.0
        self._lock = Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            mine = max(self._next, now)
            self._next = mine + self._gap
        if mine > now:
            time.sleep(mine - now)


@lru_cache(maxsize=16)
def _pace(source: HttpModel) -> _Pace:
    return _Pace(source.requests_per_second)


@lru_cache(maxsize=4)
def _client(timeout: float, _process: int, *, direct: bool) -> "httpx.Client":
    """This process's connections; a forked process has its own. No proxy of the environment leads to this machine."""
    import httpx  # noqa: PLC0415 - as above

    return httpx.Client(timeout=timeout, follow_redirects=False, trust_env=not direct)
