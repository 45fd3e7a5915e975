"""The cohorts of a run: rows that are added to the sample's for them, and how they differ."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from limekiln.bench import Bench
from limekiln.cohorts import findings, values
from limekiln.cohorts.findings import Asked, Rows, Studied
from limekiln.drivers.told import Inputs, Known, Told
from limekiln.evidence import CohortComparison
from limekiln.settings import Settings
from limekiln.summary import raw_text
from limekiln.values import Array, Explanations, Index

_WHOLE_SAMPLE: Final = "all"


@dataclass(frozen=True)
class CohortRun:
    """A run whose rows are explained.

    Attributes:
        told: what was found.
        chosen: positions of the sample's rows.
    """

    inputs: Inputs
    settings: Settings
    bench: Bench
    told: Told
    chosen: Index

    def compare(self, known: Known) -> tuple[CohortComparison, pd.DataFrame]:
        """The facts and the table `cohorts`; rows are added where that takes no perturbed row more."""
        with self.bench.clock.stage("cohorts"):
            cohorts = values.of_frame(self.inputs.frame, self.settings)
            each = self.settings.report.cohort_rows if self.told.further else None
            keys, seed = self.inputs.frame.keys, self.settings.sample.seed
            by = values.beyond(cohorts, keys, self.chosen, each or 0, seed)
            sampled = findings.rows_of(
                self.told.vocabulary, self.told.explanations, self.told.cohorts, self._right(self.told.explanations)
            )
            studied = Studied(sampled, self._added(by, known), by, self.chosen)
            return findings.compare(cohorts, studied, self._asked(each))

    def _added(self, by: Index, known: Known) -> Rows | None:
        rows = np.flatnonzero((by >= 0).any(axis=1))
        more = self.told.further(rows, known, by) if self.told.further and len(rows) else None
        if more is None:
            return None
        return findings.rows_of(self.told.vocabulary, more.explanations, more.cohorts, self._right(more.explanations))

    def _right(self, explained: Explanations) -> Array:
        """Whether each row's class is the true one: 1, 0, or NaN where that is not known or there are no classes."""
        target, classes = self.inputs.frame.target, self.inputs.model.classes
        unknown = np.full(len(explained.rows), np.nan)
        if target is None or len(classes) == 1 or self.inputs.model.task == "regression":
            return unknown
        true = target.iloc[explained.rows]
        texts = true.map(raw_text, na_action="ignore").to_numpy(dtype=object)
        if not set(texts[true.notna().to_numpy()]) <= set(classes):
            return unknown
        predicted = np.array(classes, dtype=object)[explained.labels]
        return np.where(true.notna(), predicted == texts, np.nan)

    def _asked(self, each: int | None) -> Asked:
        a, model = self.settings.aggregate, self.inputs.model
        return Asked(
            features=self.told.vocabulary.features,
            classes=model.classes,
            together=model.task == "classification" and len(model.classes) > 1,
            score=a.score,
            confidence=a.confidence,
            min_support=a.min_support,
            each=each,
        )


def model_rows(inputs: Inputs, settings: Settings) -> int:
    """How many rows of the data the model is asked for beyond a sample, at most; 0 where all are predicted anyway."""
    if settings.pool == "none" or settings.sample.stratify == "predicted" or settings.sample.rows == _WHOLE_SAMPLE:
        return 0
    sizes = [np.bincount(c.codes) for c in values.of_frame(inputs.frame, settings)]
    wanted = sum(int(np.minimum(s, settings.report.cohort_rows).sum()) for s in sizes)
    return min(wanted, max(0, len(inputs.frame.features) - settings.sample.rows))
