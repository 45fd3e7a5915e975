# mypy: allow-untyped-calls
# (dask annotates its classes, but not all of their constructors and methods)
"""Dask: local workers, a scheduler that already runs, and how a stage is handed to either.

The only module that imports dask. Measured on two cores: workers start in 1 to 7 s, an empty item takes about
10 ms, nearly all of it delay that passes unseen while others are worked on: two workers did items of 20 ms at 80 %
of their ideal pace, items of 100 ms at 95 %.
"""

import asyncio
import ipaddress
import logging
import multiprocessing.spawn
import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from socket import gethostname
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import dask
from distributed import Client, KilledWorker, LocalCluster, Security
from distributed.comm.core import connect

from limekiln.errors import InputError, RunError
from limekiln.fanout.work import Parcel, dumps, perform, raise_as_ours, unpack

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

WINDOW = 3
"""Items under way for each worker thread: enough to keep it busy, few enough that results do not pile up."""
CONNECT_S = 10
WORKERS_S = 30
"""How long a cluster may have no worker before the run gives up."""

_PACKAGES: Final = ("limekiln", "numpy", "scipy", "pandas", "scikit-learn", "dask", "distributed", "cloudpickle")


class Cluster:
    """Workers that stages can be sent to."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def threads(self) -> dict[str, int]:
        """Threads of each worker, by its address."""
        return dict(self._client.nthreads())

    def results(
        self, function: Callable[[S, T], R], shared: S, items: Sequence[T], *, label: str, first: int
    ) -> Iterator[R]:
        """The results of `items`, in order, with at most WINDOW items for each thread on the cluster.

        The shared value is a task of its own, so that the scheduler can make it again when the worker that holds
        it dies (data that were scattered would be lost). Keys name the stage and the item's number, counted from
        `first`; a unique part keeps other clients of the same scheduler apart.

        Traps: dask sends a task to a worker that holds what it needs, which would be one worker for all items,
        unless the task's group (the first part of its key) has more than twice as many tasks as the cluster has
        threads and needs little else, which then has to be a group of its own. So the first items name a worker,
        as a wish, and the others find an idle one.
        """
        client = self._client
        stage = "-".join(("limekiln", re.sub(r"\W+", "_", label), uuid4().hex))
        wishes = _in_turn(self.threads()) * 2
        window = WINDOW * max(1, len(wishes) // 2)
        parcel = client.submit(Parcel, dumps((function, shared)), key=(f"{stage}-shared", 0), pure=False)
        under_way: deque[Any] = deque()
        sent = 0
        try:
            for index in range(len(items)):
                while sent < len(items) and len(under_way) < window:
                    wish = {"workers": wishes[sent], "allow_other_workers": True} if sent < len(wishes) else {}
                    item = dumps(items[sent])
                    under_way.append(
                        client.submit(perform, parcel, item, key=(stage, first + sent), pure=False, **wish)
                    )
                    sent += 1
                result, error = unpack(self._outcome(under_way[0], label))
                under_way.popleft().release()
                if error is not None:
                    raise_as_ours(error, label, first + index)
                yield result
        finally:
            for future in (*under_way, parcel):
                future.release()

    def _outcome(self, future: Any, label: str) -> bytes:
        while True:
            try:
                outcome: bytes = future.result(timeout=WORKERS_S)
            except TimeoutError:  # a slow item, or nobody left to do it
                self._require_workers(label)
            except KilledWorker as error:
                raise RunError(
                    f"{label}: workers died {error.allowed_failures + 1} times while they worked on one item. Most "
                    "often memory ran out, or the model ends its process. Try fewer workers, or cluster.scheduler: "
                    "inline to see it happen."
                ) from error
            except (CancelledError, OSError) as error:
                raise _gone(label) from error
            else:
                return outcome

    def _require_workers(self, label: str) -> None:
        try:
            workers = self.threads()
        except (OSError, RuntimeError, ValueError) as error:  # whatever a closed connection raises
            raise _gone(label) from error
        if not workers:
            raise RunError(f"{label}: the cluster has lost all of its workers. Start some, and run again.")


def _in_turn(threads: Mapping[str, int]) -> list[str]:
    """Each worker as often as it has threads, no worker a second time before each was there once."""
    return [worker for turn in range(max(threads.values(), default=0)) for worker in threads if threads[worker] > turn]


def _gone(label: str) -> RunError:
    return RunError(f"{label}: the connection to the scheduler is lost. Look at its log, and run again.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask's log lines held back: what matters of them becomes an error of ours."""
    handlers = [(handler, handler.level) for handler in logging.getLogger("distributed").handlers]
    for handler, _ in handlers:
        handler.setLevel(logging.CRITICAL + 1)
    # Ctrl-C interrupts a wait, and what dask was waiting for complains: as a log line or a warning
    asyncio_log = logging.getLogger("asyncio")
    asyncio_log.addFilter(_not_from_dask)
    warnings.filterwarnings("ignore", r"coroutine '(Future|Client)\.", RuntimeWarning)
    try:
        # a stage's shared value may be a model of any size, and is sent once
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 PiB"}):
            yield
    finally:
        asyncio_log.removeFilter(_not_from_dask)
        for handler, level in handlers:
            handler.setLevel(level)


def _not_from_dask(record: logging.LogRecord) -> bool:
    return "distributed" not in record.getMessage()


@contextmanager
def _environment_kept(names: Sequence[str]) -> Iterator[None]:
    """A nanny sets its workers' variables in this process, where the next cluster would inherit them."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _main_left_alone() -> Iterator[None]:
    """Workers start without importing `__main__` again.

    A spawned process imports its parent's main script, and would run one that has no `__main__` guard from its
    first line. Workers do not need it: what it defines is pickled by value. Other processes that the user's code
    may spawn meanwhile are not touched.
    """
    original = multiprocessing.spawn.get_preparation_data

    def prepare(name: str) -> dict[str, Any]:
        data: dict[str, Any] = original(name)
        if name.startswith("Dask Worker"):
            data.pop("init_main_from_name", None)
            data.pop("init_main_from_path", None)
        return data

    multiprocessing.spawn.get_preparation_data = prepare
    try:
        yield
    finally:
        multiprocessing.spawn.get_preparation_data = original


@contextmanager
def local_workers(workers: int, threads: int) -> Iterator[Cluster]:
    """A cluster on 127.0.0.1, ended on the way out, whatever that is."""
    # MALLOC_TRIM_THRESHOLD_, which nannies set, makes every large temporary fault its pages in again: 2x slower
    environ = {**dask.config.get("distributed.nanny.pre-spawn-environ"), "MALLOC_TRIM_THRESHOLD_": None}
    # the memory manager takes the shared value from a worker that has no item at the moment, and ships it again
    manager = "distributed.scheduler.active-memory-manager.start"
    settings = {"distributed.nanny.pre-spawn-environ": environ, manager: False}
    names = (*environ, "PYTHONHASHSEED", "__DASK_PARENT_PID")
    with _quiet(), _main_left_alone(), _environment_kept(names), ExitStack() as stack:
        with _environment_kept(names), dask.config.set(settings):
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=threads,
                processes=True,
                host="127.0.0.1",
                protocol="tcp://",
                preload="limekiln.fanout.work",
                silence_logs=logging.CRITICAL + 1,
                # None would still serve HTTP, on port 8787 where it is free, and warn where it is not
                dashboard_address=None,
                scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            )
        stack.callback(cluster.close, timeout=10)
        yield Cluster(stack.enter_context(Client(cluster, set_as_default=False, timeout=CONNECT_S)))


@contextmanager
def connected(address: str) -> Iterator[Cluster]:
    """The cluster at `address`, checked; it is neither closed nor changed.

    Raises:
        InputError: the address has no host or port.
        RunError: no scheduler answers, it has no workers, or they run other versions.
    """
    _check_address(address)
    with _quiet(), ExitStack() as stack:
        try:
            _greet(address)
            client = stack.enter_context(Client(address, timeout=CONNECT_S, set_as_default=False))
        except Exception as error:  # what answers there may be anything
            raise RunError(
                f"No Dask scheduler answers at {address} ({type(error).__name__}: {error}). Check cluster.scheduler, "
                f"that `dask scheduler` runs there and {gethostname()} can reach it, and for tls:// the certificates "
                "in dask's configuration (distributed.comm.tls)."
            ) from error
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except TimeoutError as error:
            raise RunError(
                f"The scheduler at {address} has had no worker for {WORKERS_S} s. Start `dask worker {address}`."
            ) from error
        _check_versions(client.get_versions(packages=_PACKAGES), address)
        yield Cluster(client)


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or not port:
        raise InputError(f"cluster.scheduler: expected an address such as tcp://127.0.0.1:8786, got {address!r}")
    if parts.scheme == "tcp" and not _is_this_machine(host):
        warnings.warn(
            f"cluster.scheduler: {address} is neither encrypted nor authenticated; anyone who reaches it can run code "
            "on it and read the data. Use tls:// beyond this machine.",
            stacklevel=4,
        )


def _greet(address: str) -> None:
    """Shakes hands with the scheduler. A client would wait without end for a peer that takes the call and is silent.

    Done in a thread of its own: a notebook's thread already runs an event loop.
    """

    async def shake_hands() -> None:
        arguments = Security().get_connection_args("client")
        comm = await asyncio.wait_for(connect(address, timeout=CONNECT_S, **arguments), CONNECT_S + 1)
        await comm.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(shake_hands())).result()


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_versions(versions: Mapping[str, Any], address: str) -> None:
    """The bytes of the results depend on these packages; the scheduler must be able to import ours, too."""
    ours = _relevant(versions["client"])
    nodes = {f"the scheduler {address}": versions["scheduler"]}
    nodes |= {f"worker {worker}": facts for worker, facts in versions["workers"].items()}
    for node, facts in nodes.items():
        theirs = _relevant(facts)
        differing = [
            f"{package} {theirs[package] or 'missing'} (here {ours[package] or 'missing'})"
            for package in ours
            if ours[package] != theirs[package]
        ]
        if differing:
            raise RunError(f"{node} runs other versions: {', '.join(differing)}. Install the same ones everywhere.")


def _relevant(facts: Mapping[str, Any]) -> dict[str, str | None]:
    packages = facts["packages"]
    python = ".".join(packages["python"].split(".")[:2])
    return {"python": python, **{package: packages.get(package) for package in _PACKAGES}}
