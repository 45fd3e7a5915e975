"""Models that print or warn at each call must not flood a run's output.

Standard output and the warning filters belong to the whole process; threads share one silence, which the
first to enter begins and the last to leave ends.
"""

import io
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO


class _Silence:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._stdout: TextIO = sys.stdout
        self._caught = warnings.catch_warnings()

    def enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._stdout, sys.stdout = sys.stdout, _Sink()
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(None, None, None)
                sys.stdout = self._stdout


class _Sink(io.TextIOBase):
    def write(self, text: str, /) -> int:
        return len(text)


_SILENCE: Final = _Silence()


@contextmanager
def quiet() -> Iterator[None]:
    """Drop what is printed to standard output or warned of inside."""
    _SILENCE.enter()
    try:
        yield
    finally:
        _SILENCE.leave()
