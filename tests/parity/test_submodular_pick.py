"""The pick against lime's own `SubmodularPick`, on explanations of one label without ties."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from lime.submodular_pick import SubmodularPick

from limekiln import matrix, representatives
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.space import Space
from limekiln.values import Array, Codes, LocalExplanations

FEATURES: Final = 6


@dataclass(frozen=True)
class Explanation:
    """As much of lime's Explanation as its pick asks for."""

    pairs: list[tuple[str, float]]
    mode: str = "classification"

    def available_labels(self) -> list[int]:
        return [1]

    def as_list(self, label: int) -> list[tuple[str, float]]:
        assert label == 1
        return self.pairs


@dataclass(frozen=True)
class Explainer:
    explanations: Sequence[Explanation]

    def explain_instance(self, row: int, _predict: None, **_: Any) -> Explanation:
        return self.explanations[row]


def instance(seed: int, n: int) -> tuple[Space, LocalExplanations]:
    """Sparse signed weights of n rows over categorical columns."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({f"x{j}": rng.choice(list("abcd"), n) for j in range(FEATURES)})
    space = spaces.fit(frame, discretizer="quartile")
    weights = np.where(rng.random((n, FEATURES)) < 0.5, rng.normal(size=(n, FEATURES)), 0.0)
    return space, explanations(weights, spaces.encode(space, frame))


def explanations(weights: Array, codes: Codes) -> LocalExplanations:
    n = len(weights)
    rows, nothing = np.arange(n), np.zeros(n)
    return LocalExplanations(rows, np.zeros(n, dtype=np.int64), codes, weights, *[nothing] * 6)


def limes_pick(space: Space, local: LocalExplanations, budget: int) -> list[int]:
    told = [
        Explanation(
            [(f"{c.name}={c.labels[k]}", w) for c, k, w in zip(space.columns, codes, weights, strict=True) if w != 0]
        )
        for codes, weights in zip(local.codes, local.weights, strict=True)
    ]
    picked: list[int] = SubmodularPick(
        Explainer(told), list(range(len(told))), None, method="full", num_exps_desired=budget
    ).V
    return picked


def steps_without_ties(ours: representatives.Representatives, local: LocalExplanations) -> int:
    """How many of our picks had no rival: a rival brings in the very same keys, however often they occur."""
    named = [
        {(j, int(k)) for j, (k, w) in enumerate(zip(codes, weights, strict=True)) if w != 0}
        for codes, weights in zip(local.codes, local.weights, strict=True)
    ]
    covered: set[tuple[int, int]] = set()
    for step, member in enumerate(ours.members):
        fresh = named[member] - covered
        if sum(names - covered == fresh for names in named) > 1:
            return step
        covered |= fresh
    return len(ours.members)


@pytest.mark.parametrize("seed", range(8))
def test_the_pick_is_limes_until_the_first_tie(seed: int) -> None:
    space, local = instance(seed, 40)
    ours = representatives.choose(matrix.of_space(space), matrix.of_table(space, local), np.arange(40), "*", 9)
    theirs = limes_pick(space, local, 9)
    decided = steps_without_ties(ours, local)
    assert decided >= 3
    assert ours.members[:decided].tolist() == theirs[:decided]


def test_only_members_are_picked_and_only_their_weights_count() -> None:
    space, local = instance(99, 80)
    members = np.flatnonzero(np.random.default_rng(0).random(80) < 0.5)
    part = explanations(local.weights[members], local.codes[members])
    ours = representatives.choose(matrix.of_space(space), matrix.of_table(space, local), members, "one", 4)
    assert ours.members.tolist() == members[limes_pick(space, part, 4)].tolist()
