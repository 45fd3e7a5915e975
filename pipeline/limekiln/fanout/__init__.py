"""Where the work runs: in this process, in workers started here, or on a cluster that is already there.

A stage is a module-level function, one shared value and a list of items; its results come back in the order of
the items and are the same bytes wherever it ran. Dask is imported (by `cluster` alone) only when a run really
leaves the process.
"""

import os
import statistics
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, TypeVar

from limekiln.fanout.work import attempt, raise_as_ours
from limekiln.settings import ClusterSettings

if TYPE_CHECKING:
    from limekiln.fanout.cluster import Cluster

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

START_COST_S = 6.0
"""Local workers are started when they are expected to save more than this. Starting takes 1 s on an idle
machine and up to 7 s on a busy one, and each worker then imports, and opens what the stage shares."""
SEND_COST_S = 0.5
"""The same bar once the workers run: what it costs to send them another stage."""


def _ignore(_finished: int) -> None:
    pass


class Executor(Protocol):
    """Runs stages."""

    def map(
        self,
        function: Callable[[S, T], R],
        shared: S,
        items: Sequence[T],
        *,
        label: str,
        done: Callable[[int], None] = _ignore,
    ) -> Iterator[R]:
        """Yields `function(shared, item)` for each item, in the order of the items.

        Args:
            function: A module-level function that depends on its arguments alone; a worker that dies has its
                items done again elsewhere.
            shared: A picklable value, sent to each worker once a stage.
            items: Picklable values, each worth a tenth of a second of work or more; less makes workers idle.
            label: The stage's name in messages, the manifest and task keys; never data.
            done: Called with the number of items finished so far, just before each result is yielded.

        Raises:
            LimekilnError: as `function` raised it.
            RunError: `function` raised anything else (its cause), workers died under an item again and again,
                or the cluster is gone.
        """
        ...

    @property
    def description(self) -> dict[str, str | int | None]:
        """Scheduler, workers, threads of all workers, and where the items of each stage ran."""
        ...


@contextmanager
def executor(settings: ClusterSettings) -> Iterator[Executor]:
    """An executor, and the end of whatever it started; a cluster that was there before is left as it is.

    `local` works in this process until the items left in a stage would keep workers busy for long enough to be
    worth starting; from there on they do it. Scripts need no `__main__` guard. Plain `tcp://` carries no proof of
    identity, so an address beyond this machine is warned about; `tls://` takes its certificates from dask's own
    configuration.

    Raises:
        InputError: the scheduler's address has no host or port.
        RunError: no scheduler answers there, it has no workers, or they run other versions.
    """
    places = _Places()
    with ExitStack() as stack:
        if settings.scheduler == "inline":
            yield _Inline(places)
        elif settings.scheduler == "local":
            yield _Local(settings, places, stack)
        else:
            from limekiln.fanout.cluster import connected  # noqa: PLC0415  # imports dask

            yield _Remote(settings.scheduler, places, stack.enter_context(connected(settings.scheduler)))


class _Places:
    """How many items of each stage ran where."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}

    def note(self, label: str, place: str) -> None:
        self._counts.setdefault(label, Counter())[place] += 1

    def __str__(self) -> str:
        stages = (
            f"{label}: " + ", ".join(f"{count} {place}" for place, count in counts.items())
            for label, counts in self._counts.items()
        )
        return "; ".join(stages)


class _Inline:
    def __init__(self, places: _Places) -> None:
        self._places = places

    def map(
        self,
        function: Callable[[S, T], R],
        shared: S,
        items: Sequence[T],
        *,
        label: str,
        done: Callable[[int], None] = _ignore,
    ) -> Iterator[R]:
        for index, item in enumerate(items):
            result = _here(function, shared, item, label, index)
            self._places.note(label, "in process")
            done(index + 1)
            yield result

    @property
    def description(self) -> dict[str, str | int | None]:
        return {"scheduler": "inline", "workers": None, "threads": None, "stages": str(self._places)}


class _Local:
    def __init__(self, settings: ClusterSettings, places: _Places, stack: ExitStack) -> None:
        cores = _cores()
        self._threads = settings.threads_per_worker
        self._workers = settings.workers or max(1, cores // self._threads)
        self._parallel = min(cores, self._workers * self._threads)
        self._places = places
        self._stack = stack
        self._cluster: Cluster | None = None
        self._startable = True
        self._start_cost, self._send_cost = START_COST_S, SEND_COST_S

    def map(
        self,
        function: Callable[[S, T], R],
        shared: S,
        items: Sequence[T],
        *,
        label: str,
        done: Callable[[int], None] = _ignore,
    ) -> Iterator[R]:
        seconds: list[float] = []
        for index, item in enumerate(items):
            cluster = self._cluster_if_it_pays(seconds, len(items) - index)
            if cluster is not None:
                rest = cluster.results(function, shared, items[index:], label=label, first=index)
                for finished, result in enumerate(rest, start=index + 1):
                    self._places.note(label, "on workers")
                    done(finished)
                    yield result
                return
            start = perf_counter()
            result = _here(function, shared, item, label, index)
            seconds = [*seconds[:1], *seconds[1:][-15:], perf_counter() - start]
            self._places.note(label, "in process")
            done(index + 1)
            yield result

    def _cluster_if_it_pays(self, seconds: Sequence[float], left: int) -> "Cluster | None":
        cost = self._start_cost if self._cluster is None else self._send_cost
        saved = _pace(seconds, cost) * left * (1 - 1 / min(self._parallel, left))
        if saved <= cost or not self._startable:
            return None
        if self._cluster is None:
            self._start()
        return self._cluster

    def _start(self) -> None:
        from limekiln.fanout.cluster import local_workers  # noqa: PLC0415  # imports dask

        try:
            self._cluster = self._stack.enter_context(local_workers(self._workers, self._threads))
        except Exception as error:  # noqa: BLE001  # whatever it is, the work can be done here
            self._startable = False
            warnings.warn(
                f"cluster.scheduler: local workers could not be started ({type(error).__name__}: {error}); "
                "the run goes on in this process.",
                stacklevel=4,
            )

    @property
    def description(self) -> dict[str, str | int | None]:
        workers = self._workers if self._cluster is not None else 0
        threads = workers * self._threads
        return {"scheduler": "local", "workers": workers, "threads": threads, "stages": str(self._places)}


class _Remote:
    def __init__(self, address: str, places: _Places, cluster: "Cluster") -> None:
        self._address = address
        self._places = places
        self._cluster = cluster
        self._threads = cluster.threads()

    def map(
        self,
        function: Callable[[S, T], R],
        shared: S,
        items: Sequence[T],
        *,
        label: str,
        done: Callable[[int], None] = _ignore,
    ) -> Iterator[R]:
        results = self._cluster.results(function, shared, items, label=label, first=0)
        for finished, result in enumerate(results, start=1):
            self._places.note(label, "on workers")
            done(finished)
            yield result

    @property
    def description(self) -> dict[str, str | int | None]:
        workers, threads = len(self._threads), sum(self._threads.values())
        return {"scheduler": self._address, "workers": workers, "threads": threads, "stages": str(self._places)}


def _here(function: Callable[[S, T], R], shared: S, item: T, label: str, index: int) -> R:
    try:
        return attempt(function, shared, item)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # raised again as what the reader should see
        raise_as_ours(error, label, index)


def _pace(seconds: Sequence[float], cost: float) -> float:
    """Seconds an item takes. The first one carries imports and loading: alone, it counts only when it is long."""
    if len(seconds) > 1:
        return statistics.fmean(seconds[1:])
    return seconds[0] if seconds and seconds[0] > cost else 0.0


def _cores() -> int:
    """Cores that this process may use: its affinity, and the quota of its container where there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no cgroup v2, or no quota ("max")
        return cores
