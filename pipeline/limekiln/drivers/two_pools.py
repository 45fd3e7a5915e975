"""Whether a table's perturbed rows show what its real rows get: both pools, asked for as far as they are not known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from limekiln import fooling
from limekiln.bench import Bench
from limekiln.domains.tabular import data_pool
from limekiln.domains.tabular.data_pool import DataPoolJob, PredictedRows
from limekiln.domains.tabular.pool import Pool
from limekiln.drivers.told import Inputs, Known
from limekiln.evidence import PoolComparison, PoolFinding, PoolShare
from limekiln.fooling import Comparison, Shift
from limekiln.local import compared
from limekiln.local.compared import CompareJob
from limekiln.local.tables import Local, PoolJob, PoolPart, PredictedPart, Rows, join_pool, pool_parts, predict_part
from limekiln.record import ALL_CLASSES, Notice
from limekiln.settings import Settings
from limekiln.values import Index

POOL: Final = 5000
"""Rows of each pool, at most: as many as the trial behind the thresholds had."""
FEWEST_PERTURBED: Final = 500
FEWEST_REAL: Final = 100
"""Smaller pools are not compared: a stand-in learns too little from them, and surrogates rest on too few rows."""
MOST_FEATURES: Final = 200
"""Wider tables are not compared: the stand-in's time grows with the pairs of columns, here to ten seconds a class."""

_TRIAL: Final = 200
"""Perturbed rows asked for first: one that takes no such row is spared the others, each of which it would refuse."""
_FIRST: Final = 5


@dataclass(frozen=True)
class TwoPools:
    """A run's explained rows and its pool, where it has one; its real rows are the background's.

    Attributes:
        local: the run's neighbourhoods; every feature is kept for the comparison.
        batch: the explained rows.
        pool: the run's own pool; None where rows get perturbations of their own.
    """

    inputs: Inputs
    settings: Settings
    bench: Bench
    local: Local
    batch: Rows
    pool: Pool | None

    def compare(self, known: Known) -> PoolComparison | Notice:
        """The finding, or why there is none. Counts what it asks the model for.

        Args:
            known: predictions of rows of the data, which are not asked for again.
        """
        bench, seed = self.bench, self.settings.sample.seed
        with bench.clock.stage("compare"):
            rows, classes = compared.choose(self.batch, seed)
            if why := self._unfit(len(rows.rows)):
                return _not_compared(why)
            real = self._real(known)
            if isinstance(real, str):
                return _not_compared(real)
            perturbed = self._perturbed()
            if isinstance(perturbed, str):
                return _not_compared(perturbed)
            job = CompareJob(
                local=replace(self.local, selection="none", features=None),
                perturbed=compared.of_classes(perturbed, classes, POOL),
                real=compared.of_classes(real, classes, POOL),
                seed=seed,
            )
            found: Comparison = bench.map("compare", compared.compare, job, [rows])[0]
            return self._stored(found, job, rows, classes)

    def _unfit(self, rows: int) -> str:
        """Why there can be no comparison, as far as it is known without asking the model; empty where there can."""
        features, background = len(self.local.space.names), len(self.inputs.background.features)
        if features > MOST_FEATURES:
            return f"it takes at most {MOST_FEATURES} features, and there are {features:,}"
        if rows < fooling.MIN_ROWS:
            return f"it takes {fooling.MIN_ROWS} explained rows, and there are {rows}"
        if background < FEWEST_REAL:
            return f"it takes {FEWEST_REAL} rows of the background, and there are {background}"
        if self.pool is not None and self.settings.pool == "marginal":
            return _too_small(self.pool, FEWEST_PERTURBED, "perturbed rows")
        return ""

    def _perturbed(self) -> Pool | str:
        """Perturbed rows, the run's own or as many as the comparison takes; or why there are none."""
        if self.pool is not None and self.settings.pool == "marginal":
            return self.pool
        job = PoolJob(self.local.space, self.inputs.ref, self.settings.sample.seed)
        asked = (("perturbed trial", [PoolPart(0, _TRIAL)]), ("perturbed pool", pool_parts(POOL - _TRIAL, first=1)))
        parts: list[PredictedPart] = []
        for stage, items in asked:
            n = sum(p.n for p in items)
            self.bench.model_rows += n
            more: list[PredictedPart] = self.bench.map(stage, predict_part, job, items)
            if refused := self._refused(more, n, "perturbed rows"):
                return refused
            parts += more
        pool = join_pool(self.local.space, parts)
        return _too_small(pool, FEWEST_PERTURBED, "perturbed rows") or pool

    def _real(self, known: Known) -> Pool | str:
        """The background's rows, the run's own pool or those known and those asked for; or why there are none."""
        what = "rows of the background"
        if self.pool is not None and self.settings.pool == "data":
            return _too_small(self.pool, FEWEST_REAL, what) or self.pool
        space, features = self.local.space, self.inputs.background.features
        positions = data_pool.choose(len(features), POOL, self.settings.sample.seed)
        at = np.full(len(features), -1)
        if self.inputs.background is self.inputs.frame:
            at[known.rows] = np.arange(len(known.rows))
        here, asked = positions[at[positions] >= 0], positions[at[positions] < 0]
        self.bench.model_rows += len(asked)
        job = DataPoolJob(space, self.inputs.ref)
        parts = [data_pool.predicted(space, features.iloc[here], known.predicted[at[here]])]
        if len(asked):
            parts += self.bench.map("real pool", data_pool.predict_part, job, data_pool.parts(features, asked))
        if refused := self._refused(parts, len(positions), what):
            return refused
        pool = data_pool.join(space, parts)
        return _too_small(pool, FEWEST_REAL, what) or pool

    def _refused(self, parts: Sequence[PredictedPart | PredictedRows], n: int, what: str) -> str:
        """Why rows of which the model refused too many are not compared: what is left is no sample of them."""
        refused, allowed = sum(p.failed for p in parts), self.settings.explain.max_failed_fraction
        if refused <= allowed * n and refused < n:
            return ""
        reason = next((f": {p.error}" for p in parts if p.error), "")
        return f"the model refused {refused:,} of {n:,} {what}{reason}"

    def _stored(self, found: Comparison, job: CompareJob, rows: Rows, classes: Index) -> PoolComparison:
        findings = []
        for label in dict.fromkeys(s.label for s in found.shifts):
            if label is not None and len(classes) == 1:  # it would say again what is said of all rows
                continue
            shifts = [s for s in found.shifts if s.label == label]
            called = ALL_CLASSES if label is None else self.inputs.model.classes[classes[label]]
            n = len(rows.labels) if label is None else int((rows.labels == label).sum())
            findings.append(_finding(called, n, shifts, self.local.space.names))
        return PoolComparison(
            verdict=found.verdict,
            suspicious_from=fooling.SUSPICIOUS,
            disagree_from=fooling.DISAGREE,
            rows=len(rows.rows),
            perturbed_rows=job.perturbed.codes.shape[1],
            real_rows=job.real.codes.shape[1],
            told_apart=found.auc,
            learnt=_known(found.taught),
            carried=_known(found.carried),
            findings=tuple(findings),
        )


def model_rows(settings: Settings, rows: int, background: int | None, predicted: int) -> int:
    """How many rows the comparison asks the model for, at most.

    Args:
        settings: the run's.
        rows: of the data.
        background: rows of the background; None where it is the data.
        predicted: rows of the data that the run predicts.
    """
    if settings.data.domain != "tabular" or not settings.explain.compare_pools:
        return 0
    perturbed = 0 if settings.pool == "marginal" else POOL
    if settings.pool == "data":
        return perturbed
    return perturbed + min(POOL, rows - predicted if background is None else background)


def _finding(called: str, rows: int, shifts: Sequence[Shift], names: Sequence[str]) -> PoolFinding:
    most = max(shifts, key=lambda s: s.excess)
    least = min(shifts, key=lambda s: s.excess)
    first = [sorted(shifts, key=by)[:_FIRST] for by in (lambda s: -s.data, lambda s: -s.marginal)]
    shown = {s.feature: s for s in (*first[0], *first[1], most, least)}
    return PoolFinding(
        class_name=called,
        rows=rows,
        verdict=fooling.judge(most.excess),
        excess=most.excess,
        feature=names[most.feature],
        features=tuple(
            PoolShare(feature=names[s.feature], perturbed=s.marginal, real=s.data, expected=s.expected)
            for s in sorted(shown.values(), key=lambda s: (-s.data, s.feature))
        ),
    )


def _too_small(pool: Pool, fewest: int, what: str) -> str:
    n = pool.codes.shape[1]
    return f"it takes {fewest} {what}, and the pool has {n}" if n < fewest else ""


def _not_compared(why: str) -> Notice:
    text = f"Whether the model treats perturbed rows as it treats real ones was not checked: {why}."
    return Notice(code="pools_not_compared", text=text)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
