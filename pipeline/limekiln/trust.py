"""The trust ledger: which single explanations are usable, and what the ranking is without the others."""

from typing import Final

import numpy as np

from limekiln import matrix
from limekiln.aggregate import normlime
from limekiln.evidence import Trust
from limekiln.importances import Ranked
from limekiln.values import Codes, Explanations, Index, Vocabulary

LOW_FIDELITY: Final = 0.5
"""A surrogate with a weighted R² under this explains less than half of the model's local variation."""
UNSTABLE: Final = 0.8
"""Repeats that share less than this of their heaviest features, on average, tell different stories."""

USABLE, LOW, SHAKY = 0, 1, 2
NAMES: Final = np.array(["usable", "low_fidelity", "unstable"])
"""By the codes of `judge`."""


def judge(explained: Explanations) -> Codes:
    """Whether each of n explanations is usable: (n,) codes of `NAMES`.

    An explanation of a model that does not vary around its row has nothing to explain, and is usable. Low fidelity goes
    before instability; where stability was not measured (`vsi` is NaN), fidelity alone counts.
    """
    low = explained.r2 < LOW_FIDELITY  # False where it is NaN
    shaky = explained.vsi < UNSTABLE
    return np.where(low, LOW, np.where(shaky, SHAKY, USABLE)).astype(np.int32)


def facts(
    vocabulary: Vocabulary, explained: Explanations, members: Index, ranked: Ranked, *, top: int, min_support: int
) -> Trust:
    """The ledger of the explanations at `members`, whose ranking by all is `ranked`."""
    codes = judge(explained)[members]
    usable = members[codes == USABLE]
    first: tuple[str, ...] = ()
    overlap = None
    if len(usable) >= min_support:
        scores = normlime.scores(normlime.tally(matrix.by_feature(vocabulary, explained.weights[usable])))
        ranks = normlime.ranks(getattr(scores, ranked.score)[ranked.keys], scores.support[ranked.keys], min_support)
        with_all, with_usable = (_first(r, top) for r in (ranked.ranks, ranks))
        first = tuple(vocabulary.features[ranked.keys[i]] for i in with_usable)
        overlap = len(set(with_all) & set(with_usable)) / len(with_all)
    return Trust(
        usable=len(usable),
        low_fidelity=int((codes == LOW).sum()),
        unstable=int((codes == SHAKY).sum()),
        stability_measured=bool(np.isfinite(explained.vsi[members]).any()),
        ranking=first,
        overlap=overlap,
    )


def _first(ranks: Index, top: int) -> list[int]:
    return [int(i) for i in np.argsort(ranks, kind="stable")[:top]]
