"""One item of a stage, done in the same way in this process and in a worker's.

The rest of `fanout` decides where an item is done; this module does it, and imports no dask. Whatever crosses a process
border does so as bytes pickled here: a worker hands out writable arrays, exactly as a call in process would,
and neither scheduler nor worker ever looks into the data or writes them to a log.
"""

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Final, NoReturn, TypeVar

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # ships no types

from limekiln.errors import LimekilnError, RunError

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


class _Libraries:
    """The native libraries with thread pools that this process has loaded.

    Finding them takes milliseconds; it is done again only when modules were imported since, which may load more.
    """

    def __init__(self) -> None:
        self._modules = -1
        self._found = ThreadpoolController()

    def loaded(self) -> ThreadpoolController:
        if len(sys.modules) != self._modules:
            self._found = ThreadpoolController()
            self._modules = len(sys.modules)
        return self._found


class _WholeProcess:
    """While any thread is inside, no library of this process uses more than one thread; the last one out undoes it.

    A worker may work on several items in threads. OpenMP has a limit for each thread, OpenBLAS one for the
    process, which the first thread to leave would lift for the others; and threadpoolctl lets only the thread
    that set it change it, hence a thread that does nothing else.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._keeper = ThreadPoolExecutor(1)
        self._inside = 0
        self._limited: ThreadpoolController | None = None
        self._limits: list[Any] = []

    def __enter__(self) -> None:
        with self._lock:
            libraries = _LIBRARIES.loaded()
            if libraries is not self._limited or not self._inside:
                self._limits.append(self._keeper.submit(lambda: libraries.limit(limits=1).__enter__()).result())
                self._limited = libraries
            self._inside += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            while not self._inside and self._limits:
                self._keeper.submit(self._limits.pop().__exit__, None, None, None).result()


_LIBRARIES: Final = _Libraries()
_WHOLE_PROCESS: Final = _WholeProcess()


def attempt(function: Callable[[S, T], R], shared: S, item: T) -> R:
    """`function(shared, item)` with one thread in BLAS and OpenMP: the same bits everywhere, no oversubscription."""
    with _LIBRARIES.loaded().limit(limits=1):
        return function(shared, item)


class Parcel:
    """A stage's function and shared value, pickled; a process opens it at most once, when its first item comes.

    A worker that gets the parcel from another worker gets the bytes and opens them itself. It lives as long as
    the stage: nothing stays behind on a cluster that is not ours.
    """

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._lock = Lock()
        self._opened: tuple[Callable[[Any, Any], Any], Any] | None = None

    def open(self) -> tuple[Callable[[Any, Any], Any], Any]:
        """The function and the shared value."""
        with self._lock:
            if self._opened is None:
                self._opened = pickle.loads(self._payload)  # noqa: S301  # written by the driver of this run
            return self._opened

    def __reduce__(self) -> tuple[type["Parcel"], tuple[bytes]]:
        return Parcel, (self._payload,)

    def __sizeof__(self) -> int:
        return len(self._payload)


def dumps(value: object) -> bytes:
    """`value` as bytes; what `__main__` defines travels by value, so that a worker need not import it."""
    # comes with dask, and is not needed by runs that stay in process
    import cloudpickle  # type: ignore[import-untyped]  # ships no types  # noqa: PLC0415

    payload: bytes = cloudpickle.dumps(value)
    return payload


def perform(parcel: Parcel, item: bytes) -> bytes:
    """The task that a worker runs; `unpack` reads what it returns.

    An error is returned, not raised: dask logs the arguments of a task that raises.
    """
    try:
        function, shared = parcel.open()  # imports what the item needs, so the thread limit comes after it
        value = pickle.loads(item)  # noqa: S301  # written by the driver of this run
        with _WHOLE_PROCESS:
            result = attempt(function, shared, value)
        return dumps((result, None))
    except (Exception, SystemExit) as error:  # noqa: BLE001  # the driver raises it again
        return _dumps_error(error)


def _dumps_error(error: BaseException) -> bytes:
    error.add_note("On the worker:\n" + "".join(traceback.format_tb(error.__traceback__)).rstrip())
    try:
        payload = dumps((None, error))
        pickle.loads(payload)  # noqa: S301  # written in the line above
    except Exception:  # noqa: BLE001  # classes of any library may refuse either way
        return dumps((None, RuntimeError(f"{type(error).__name__}: {error}")))
    return payload


def unpack(outcome: bytes) -> tuple[Any, BaseException | None]:
    """The result, or None and the error, of a `perform`."""
    result, error = pickle.loads(outcome)  # noqa: S301  # written by a worker that runs our own code
    return result, error


def raise_as_ours(error: BaseException, label: str, index: int) -> NoReturn:
    """Raises `error` itself where it is ours, else a RunError that names the stage and has it as its cause."""
    if isinstance(error, LimekilnError):
        raise error
    raise RunError(f"{label}: item {index + 1} failed: {type(error).__name__}: {error}") from error


def dask_setup(_worker: object) -> None:
    """Runs first in each worker of a cluster that `fanout` starts (dask knows the hook by this name).

    Standard output belongs to the driver, so what a model prints goes to standard error. Ctrl-C reaches the
    whole process group; the driver is the one to answer it, by closing its workers.
    """
    sys.stdout.flush()
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
