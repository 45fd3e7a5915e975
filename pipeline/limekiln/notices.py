"""What a reader should know about a run before believing it, in sentences made from its numbers."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from limekiln.evidence import PoolComparison
from limekiln.record import ALL_CLASSES, ClassFacts, Counts, FeatureFacts, Notice
from limekiln.settings import Settings
from limekiln.summary import Explained

_NAMES_SHOWN: Final = 5
_ROWS: Final = {
    "tabular": ("row", "rows"),
    "text": ("text", "texts"),
    "images": ("image", "images"),
    "sequences": ("series", "series"),
}
"""What a row is called, one and several."""


def of_run(settings: Settings, counts: Counts, explained: Explained, features: Sequence[FeatureFacts]) -> list[Notice]:
    """Notices on a table's columns, the sample, the perturbations and the classes, in that order."""
    return [
        *_constant_columns(features),
        *_sample(settings, counts),
        *_pool(counts),
        *_classes(settings, explained),
    ]


def _constant_columns(features: Sequence[FeatureFacts]) -> list[Notice]:
    constant = [c.name for c in features if c.constant]
    if not constant:
        return []
    return [
        Notice(code="constant_columns", text=f"These columns never vary and weigh exactly 0: {_and_more(constant)}.")
    ]


def _and_more(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _sample(settings: Settings, counts: Counts) -> list[Notice]:
    wanted = settings.sample.rows
    by_default = "rows" not in settings.sample.model_fields_set
    if by_default or wanted == "all" or wanted <= counts.requested:
        return []
    asked = f"{wanted:,} {_ROWS[settings.data.domain][1]} were asked for"
    text = f"{asked}; the data have {counts.requested:,}, and all were taken."
    return [Notice(code="sample_is_all", text=text)]


def _pool(counts: Counts) -> list[Notice]:
    if not counts.pool_failed:
        return []
    text = f"The model refused {counts.pool_failed:,} of the perturbed rows; they were left out."
    return [Notice(code="pool_rows_refused", text=text)]


def _classes(settings: Settings, explained: Explained) -> list[Notice]:
    notices = []
    one, many = _ROWS[settings.data.domain]
    sizes = np.bincount(explained.local.labels, minlength=len(explained.classes))
    empty = int((sizes == 0).sum())
    if empty > _NAMES_SHOWN:
        text = f"No explained {one} is predicted as any of {empty:,} of the {len(sizes):,} classes: "
        notices.append(Notice(code="classes_never_predicted", text=text + "there is nothing to say about them."))
    few = int(((sizes > 0) & (sizes < settings.aggregate.min_support)).sum())
    if few > _NAMES_SHOWN:
        text = f"{few:,} classes have fewer than {settings.aggregate.min_support} explained {many}: "
        notices.append(Notice(code="classes_have_few_rows", text=text + "their rankings rest on little."))
    for label, name in enumerate(explained.classes):
        rows = int(sizes[label])
        if (few if rows else empty) > _NAMES_SHOWN:
            continue
        if not rows:
            text = f"No explained {one} is predicted {name!r}: there is nothing to say about this class."
            notices.append(Notice(code="class_never_predicted", text=text))
        elif rows < settings.aggregate.min_support:
            text = f"Only {rows} explained {f'{one} is' if rows == 1 else f'{many} are'} predicted {name!r}: "
            notices.append(Notice(code="class_has_few_rows", text=text + "its ranking rests on little."))
    return notices


def of_noise(classes: Sequence[ClassFacts]) -> list[Notice]:
    """A notice where features that rank first cannot be told from columns that do nothing."""
    found = {c.name: [s.feature for s in c.features if s.above_floor is False] for c in classes}
    whole = found.pop(ALL_CLASSES, [])
    found = {name: features for name, features in found.items() if features} or {ALL_CLASSES: whole}
    named = [_and_more(features) if name == ALL_CLASSES else f"{name}: {_and_more(features)}"
             for name, features in found.items() if features]  # fmt: skip
    if not named:
        return []
    top = max(len(c.features) for c in classes)
    left = len(named) - _NAMES_SHOWN
    more = f"; and in {left} more classes" if left > 0 else ""
    text = f"Among the first {top} features, these cannot be told from columns that do nothing: "
    return [Notice(code="noise_floor", text=f"{text}{'; '.join(named[:_NAMES_SHOWN])}{more}.")]


def of_pools(pools: PoolComparison, *, regression: bool) -> list[Notice]:
    """A notice where perturbed rows do not show how real rows are treated."""
    if pools.verdict == "agree":
        return []
    worst = max(pools.findings, key=lambda f: f.excess)
    share = next(s for s in worst.features if s.feature == worst.feature)
    whose = "" if worst.class_name == ALL_CLASSES else f" {'explained for' if regression else 'predicted'} "
    where = f"real rows{whose}{whose and repr(worst.class_name)}"
    head = "Perturbed and real rows disagree" if pools.verdict == "disagree" else "Perturbed and real rows may disagree"
    text = (
        f"{head}: for {where} {worst.feature} takes {share.real:.0%} of the weight, where the model's answers to "
        f"perturbed rows let expect {share.expected:.0%}."
    )
    return [Notice(code=f"pools_{pools.verdict}", text=text)]
