# ruff: noqa: INP001, T201 - a script that a reader runs, which prints
"""What explaining images and texts costs over the model's own time, and how much memory it holds.

    OMP_NUM_THREADS=1 python benchmarks/parts_overhead.py

The model works for 1 ms a row: so much arithmetic as takes that long at the start, so that it slows when the machine
does. Both times are CPU time of one thread. An image is 224 × 224 pixels in colour, in about 50 superpixels; a text
has 200 words. Memory is the peak of a process of its own, as Linux counts it.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import skimage.data
from skimage.transform import resize

from limekiln import models
from limekiln.drivers import images, texts
from limekiln.drivers.kinds import Kind
from limekiln.local.parts import Cells, PartsJob, explain_parts
from limekiln.models import Model
from limekiln.settings import Settings
from limekiln.values import Fresh, Instances, Outputs

SECONDS_A_ROW: Final = 1e-3
ROUNDS: Final = 7
MATRIX: Final = np.eye(48)
PERTURBATIONS: Final = (200, 1000, 2000)
DOMAINS: Final = ("images", "text")
KILOBYTES: Final = 1024
"""In a megabyte; the system counts a process's peak in kilobytes."""


def turn(times: int) -> None:
    """Work that neither grows with the instance nor needs memory, so that it is slow when the machine is."""
    for _ in range(times):
        MATRIX @ MATRIX


def calibrated() -> int:
    """Turns that take as long as a row shall."""
    times = 2000
    turn(times)
    started = time.thread_time()
    turn(times)
    return round(times * SECONDS_A_ROW / (time.thread_time() - started))


@dataclass
class Working:
    """A model that takes its time, and remembers how much."""

    turns: int
    seconds: float = 0.0

    def __call__(self, instances: list[str] | np.ndarray) -> np.ndarray:
        """Two probabilities for each instance."""
        started = time.thread_time()
        first = np.array([len(i) if isinstance(i, str) else i[::64, ::64].mean() for i in instances])
        share = first / (1 + first.max())
        turn(self.turns * len(instances))
        self.seconds += time.thread_time() - started
        return np.column_stack([share, 1 - share])

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        """As the pipeline asks a model."""
        return models.predict_rows(Model.from_function(self, "probability", ["yes", "no"]), instances)


def main() -> None:
    """Prints a table of overheads and one of memory; with a domain and a number of perturbations, measures one peak."""
    if len(sys.argv) > 1:
        print(json.dumps(peak(sys.argv[1], int(sys.argv[2]))))
        return
    turns = calibrated()
    print("overhead: total time / model's own, median of", ROUNDS)
    for domain in DOMAINS:
        for perturbations in PERTURBATIONS:
            explained(domain, perturbations, Working(0))  # imports and caches
            found = [overhead(domain, perturbations, turns) for _ in range(ROUNDS)]
            print(f"{domain:7} {perturbations:5} perturbations: {np.median(found):.3f}  (least {min(found):.3f})")
    print("peak memory of a process, MB")
    for domain in DOMAINS:
        for perturbations in PERTURBATIONS:
            command = [sys.executable, __file__, domain, str(perturbations)]
            answer = subprocess.run(command, capture_output=True, check=True, text=True)  # noqa: S603 - this script itself
            print(f"{domain:7} {perturbations:5} perturbations: {json.loads(answer.stdout):.0f}")


def overhead(domain: str, perturbations: int, turns: int) -> float:
    """Total over model's time of explaining one row."""
    model = Working(turns)
    started = time.thread_time()
    explained(domain, perturbations, model)
    return (time.thread_time() - started) / model.seconds


def peak(domain: str, perturbations: int) -> float:
    """Megabytes that this process held at most while it explained one row."""
    explained(domain, perturbations, Working(0))
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage would count the parent's peak too
    return int(status.partition("VmHWM:")[2].split()[0]) / KILOBYTES


def explained(domain: str, perturbations: int, model: Working) -> None:
    """Explains one row as a worker does."""
    kind = _kind(domain)
    job = PartsJob(
        domain=kind.domain,
        model=model,
        perturbations=perturbations,
        batch=kind.batch,
        design="kernel",
        width=0.25,
        selection="auto",
        features=None,
        seed=0,
        max_refused=0.05,
    )
    row = np.zeros(1, dtype=np.int64)
    explain_parts(job, Cells(row, np.array([7], dtype=np.uint64), (_cell(domain),), np.full((1, 2), 0.5), row))


@cache
def _kind(domain: str) -> Kind:
    settings = Settings.model_validate(
        {
            "model": {"name": "spinning", "source": {"kind": "python", "path": "none:none", "classes": ("yes", "no")}},
            "data": {"domain": domain, "column": "cell", "source": {"kind": "parquet", "path": "none"}},
        }
    )
    kind: Kind = (images if domain == "images" else texts).kind(settings, Path())
    return kind


@cache
def _cell(domain: str) -> Any:
    if domain == "images":
        return (resize(skimage.data.chelsea(), (224, 224)) * 255).astype(np.uint8)
    rng = np.random.default_rng(0)
    return " ".join(f"word{i}" for i in rng.integers(0, 400, 200))


if __name__ == "__main__":
    main()
