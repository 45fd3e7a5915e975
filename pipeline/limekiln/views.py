"""Other global scores from the same local weights, and where their rankings part from NormLIME's: no model call."""

from typing import Final

import numpy as np
from scipy import stats

from limekiln.evidence import View
from limekiln.importances import Ranked
from limekiln.record import ALL_CLASSES
from limekiln.values import Array, Vocabulary

_NAMES: Final = {
    "weighted": "NormLIME weighted",
    "share": "NormLIME share",
    "pick_importance": "SP-LIME importance",
    "average": "GALE average",
    "mean_absolute": "mean |w|",
}
HOMOGENEITY: Final = "GALE homogeneity"
_FEWEST: Final = 2


def compare(ranked: list[Ranked], vocabulary: Vocabulary, top: int, min_support: int) -> dict[str, tuple[View, ...]]:
    """For each class its other scores against the one that ranks, over features with enough support.

    GALE's homogeneity (van der Linden et al. 2019, arXiv:1907.03039) weighs a feature down that matters to all classes
    alike; it is one score for all classes together.
    """
    levels = [r for r in ranked if r.level == "feature"]
    found = {}
    for r in levels:
        scores = {n: getattr(r.scores, n)[r.keys] for n in _NAMES}
        others = {label: scores[n] for n, label in _NAMES.items() if n != r.score}
        if r.class_name == ALL_CLASSES and len(levels) > _FEWEST:
            others[HOMOGENEITY] = homogeneity(r, [c for c in levels if c is not r])[r.keys]
        enough = np.flatnonzero(r.scores.support[r.keys] >= min_support)
        names = [vocabulary.features[k] for k in r.keys[enough]]
        if len(enough) >= _FEWEST:
            mine = scores[r.score][enough]
            found[r.class_name] = tuple(_view(label, mine, s[enough], names, top) for label, s in others.items())
    return found


def homogeneity(together: Ranked, classes: list[Ranked]) -> Array:
    """GALE's homogeneity-weighted importance (F,): (1 − (H − Hₘᵢₙ)/(Hₘₐₓ − Hₘᵢₙ))·√Σ|w|.

    H is the entropy of a feature's √Σ|w| over classes.
    """
    root = np.stack([c.scores.pick_importance for c in classes])
    whole = root.sum(axis=0)
    p = np.divide(root, whole, out=np.zeros_like(root), where=whole > 0)
    entropy = -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=0)
    used = whole > 0
    if not used.any():
        return np.zeros_like(whole)
    low, high = entropy[used].min(), entropy[used].max()
    scaled = (entropy - low) / (high - low) if high > low else np.zeros_like(entropy)
    weighed: Array = np.where(used, (1 - scaled) * together.scores.pick_importance, 0.0)
    return weighed


def _view(label: str, mine: Array, other: Array, names: list[str], top: int) -> View:
    here, there = (stats.rankdata(-s, method="ordinal") for s in (mine, other))
    rho = float(stats.spearmanr(here, there).statistic)
    top = min(top, len(names))
    moved = np.where(np.minimum(here, there) <= top, np.abs(here - there), 0)
    most = int(moved.argmax())
    return View(
        score=label,
        rank_correlation=rho,
        overlap=int(((here <= top) & (there <= top)).sum()) / top,
        moved=names[most] if moved[most] else None,
        moved_from=int(here[most]),
        moved_to=int(there[most]),
    )
