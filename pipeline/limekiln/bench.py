"""Where the stages work: the executor, who listens, what is kept, and the account of time and model rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from limekiln.checkpoint import Checkpoint, Nothing
from limekiln.fanout import Executor
from limekiln.values import Listener, Progress, silent

_IN_ALL_LOOKS = "pool"
_BATCHES_A_LOOK = 10_000_000


@dataclass(frozen=True)
class Stopwatch:
    """Seconds spent in each stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time spent inside to the stage's account."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass
class Bench:
    """What a stage is given to work with.

    `model_rows` counts what the model was asked for. `look` is how many times the run, this time included, has gone
    through its stages: the batches of each look are kept apart, and the pool's parts, which a larger pool begins with,
    are not.
    """

    executor: Executor
    listener: Listener = silent
    checkpoint: Checkpoint = field(default_factory=Nothing)
    clock: Stopwatch = field(default_factory=Stopwatch)
    model_rows: int = 0
    look: int = 1

    def map(self, name: str, function: Callable[[Any, Any], Any], shared: object, items: Sequence[Any]) -> list[Any]:
        """Fans out the items that are not kept from before, keeps each result, and tells the listener."""
        first = 0 if name == _IN_ALL_LOOKS else (self.look - 1) * _BATCHES_A_LOOK
        results = [self.checkpoint.load(name, first + i) for i in range(len(items))]
        missing = [i for i, kept in enumerate(results) if kept is None]
        done = len(items) - len(missing)
        self.listener(Progress(name, done, len(items)))
        fresh = self.executor.map(function, shared, [items[i] for i in missing], label=name)
        for i, result in zip(missing, fresh, strict=True):
            self.checkpoint.save(name, first + i, result)
            results[i] = result
            done += 1
            self.listener(Progress(name, done, len(items)))
        return results
