"""Finished batches on disk, so that an interrupted run can go on where it stopped.

The folder's name holds a fingerprint of everything that results depend on: another model, other data,
another setting or another version never meets these batches. Batches are plain arrays: reading one back
runs no code. Only the driver writes, one file a batch, each flushed and renamed into place.
"""

import fcntl
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from limekiln.aggregate.floor import ProbeTally
from limekiln.aggregate.folds import FoldTally, GroupTally
from limekiln.domains.tabular.data_pool import PredictedRows
from limekiln.errors import RunError
from limekiln.local.parts import PartBatch
from limekiln.local.tables import Batch, PredictedPart
from limekiln.values import Failure, LocalExplanations, Outputs, PartExplanations

Arrays = dict[str, np.ndarray]

NOT_KEPT: Final = frozenset({"compare"})
"""Stages that are quick and call no model: they are gone through again."""

_MORE: Final = "more."
_PROBES: Final = "probes."
_COHORTS: Final = "cohorts."


class Checkpoint(Protocol):
    """Where a stage looks for results that it need not make again."""

    def load(self, stage: str, index: int) -> Any | None:
        """The result of an item, or None where it is still to be made."""
        ...

    def save(self, stage: str, index: int, result: Any) -> None:
        """Keeps the result of an item."""
        ...


class Nothing:
    """Keeps nothing: for runs that write no folder."""

    def load(self, stage: str, index: int) -> None:
        """Nothing was kept."""

    def save(self, stage: str, index: int, result: Any) -> None:
        """Nothing is kept."""


@dataclass(frozen=True)
class Kept:
    """A folder of batches, held by one run at a time.

    A discreet one takes what tells of the data out of a batch: traits, such as words, which can be made again from the
    rows. Real rows' numbers are all that a part of a pool is made of: it is not kept.
    """

    folder: Path
    discreet: bool = False

    def load(self, stage: str, index: int) -> Any | None:
        """The result of an item; a file that cannot be read whole counts as not there."""
        try:
            with np.load(self._path(stage, index), allow_pickle=False) as arrays:
                return _CODECS[stage][1](dict(arrays))
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def save(self, stage: str, index: int, result: Any) -> None:
        """Writes beside the place, flushes, renames; results that cost no model call are not kept.

        Raises:
            RunError: the disk is full or cannot be written.
        """
        if stage in NOT_KEPT or (self.discreet and isinstance(result, PredictedRows)):
            return
        if self.discreet and isinstance(result, PartBatch):
            result = replace(result, traits={})
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **_CODECS[stage][0](result))
        path = self._path(stage, index)
        temporary = path.with_suffix(".tmp")
        try:
            with temporary.open("wb") as file:
                file.write(content.getbuffer())
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            raise RunError(f"cannot keep a finished batch in {self.folder}: {error.strerror}") from error

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob("*.npz"))

    def _path(self, stage: str, index: int) -> Path:
        return self.folder / f"{stage}-{index:06d}.npz"


def fingerprint(facts: Mapping[str, Any]) -> str:
    """SHA-256 over facts in canonical JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def hold(parent: Path, print_: str, *, resume: bool, discreet: bool = False) -> Iterator[Kept]:
    """The folder of a fingerprint, locked; emptied first unless `resume`; see `Kept` for a `discreet` one.

    It is removed when the block ends well, and kept when it fails and holds any batch.

    Raises:
        RunError: another run holds the folder.
    """
    folder = parent / f".{print_[:16]}.batches"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"another run of the same config is at work in {folder}") from None
        kept = Kept(folder, discreet)
        if not resume:
            for file in folder.glob("*.npz"):
                file.unlink()
        try:
            yield kept
        except BaseException:
            if not len(kept):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def _text(value: object) -> np.ndarray:
    return np.frombuffer(json.dumps(value).encode(), dtype=np.uint8)


def _value(array: np.ndarray) -> Any:
    return json.loads(array.tobytes())


def _outputs_out(result: Outputs) -> Arrays:
    return {"outputs": result[0], "failed": _text(result[1])}


def _outputs_in(arrays: Arrays) -> Outputs:
    return arrays["outputs"], [(int(i), str(why)) for i, why in _value(arrays["failed"])]


def _part_out(part: PredictedPart) -> Arrays:
    return {
        "codes": part.codes,
        "numbers": part.numbers,
        "outputs": part.outputs,
        "facts": _text([part.failed, part.error]),
    }


def _part_in(arrays: Arrays) -> PredictedPart:
    failed, error = _value(arrays.pop("facts"))
    return PredictedPart(**arrays, failed=failed, error=error)


def _batch_out(batch: Batch | PartBatch) -> Arrays:
    facts = {"failures": [asdict(f) for f in batch.failures], "model_rows": batch.model_rows, "refused": batch.refused}
    more = batch.traits if isinstance(batch, PartBatch) else vars(batch.folds)
    probes = {} if isinstance(batch, PartBatch) or batch.probes is None else vars(batch.probes)
    cohorts = {} if isinstance(batch, PartBatch) or batch.cohorts is None else vars(batch.cohorts)
    return {
        **vars(batch.explanations),
        **{f"{_MORE}{name}": array for name, array in more.items()},
        **{f"{_PROBES}{name}": array for name, array in probes.items()},
        **{f"{_COHORTS}{name}": array for name, array in cohorts.items()},
        "facts": _text(facts),
    }


def _batch_in(arrays: Arrays) -> Batch | PartBatch:
    facts = _value(arrays.pop("facts"))
    failures = tuple(Failure(**f) for f in facts["failures"])
    more, probes, cohorts = (
        {name.removeprefix(kind): arrays.pop(name) for name in list(arrays) if name.startswith(kind)}
        for kind in (_MORE, _PROBES, _COHORTS)
    )
    if "sizes" in arrays:
        explained = PartExplanations(**arrays)
        return PartBatch(explained, more, failures, facts["model_rows"], facts["refused"])
    floors = ProbeTally(**probes) if probes else None
    grouped = GroupTally(**cohorts) if cohorts else None
    local = LocalExplanations(**arrays)
    return Batch(local, FoldTally(**more), failures, facts["model_rows"], facts["refused"], floors, grouped)


_CODECS: Final[Mapping[str, tuple[Callable[[Any], Arrays], Callable[[Arrays], Any]]]] = {
    "predict": (_outputs_out, _outputs_in),
    "pool": (_part_out, _part_in),
    "perturbed trial": (_part_out, _part_in),
    "perturbed pool": (_part_out, _part_in),
    "real pool": (_part_out, _part_in),
    "explain": (_batch_out, _batch_in),
    "cohorts predict": (_outputs_out, _outputs_in),
    "cohorts explain": (_batch_out, _batch_in),
    "second pool": (_part_out, _part_in),
    "second explain": (_batch_out, _batch_in),
}
