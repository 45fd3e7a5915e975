"""Tallies by group, against the tallies of those rows alone."""

import numpy as np

from limekiln.aggregate import folds


def test_groups_are_tallied_as_their_rows_are_alone() -> None:
    rng = np.random.default_rng(0)
    without = rng.normal(size=(12, folds.FOLDS, 3)) * (rng.random((12, folds.FOLDS, 3)) < 0.8)
    groups = np.stack([np.arange(12) % 3, np.where(np.arange(12) < 5, 7, -1)], axis=1)
    halves = [folds.by_group(without[s], groups[s]) for s in (slice(5), slice(5, 12))]
    found = folds.joined(halves)
    assert found.groups.tolist() == [0, 1, 2, 7]
    for group, mine in ((1, groups[:, 0] == 1), (7, groups[:, 1] == 7)):
        w = without[mine]
        alone = folds.tally(w, w[:, :2], w[:, 0], np.zeros(len(w), dtype=np.int64), 1)
        for score, sums in (("weighted", alone.weighted), ("share", alone.share)):
            expected = sums[0] / np.maximum(alone.support[0], 1)
            np.testing.assert_allclose(found.scores(np.array([group]), score), expected)  # type: ignore[arg-type]
    both = found.scores(np.array([0, 1, 2]), "share", more=halves[0])
    again = folds.joined([found, halves[0]])
    np.testing.assert_allclose(both, again.scores(np.array([0, 1, 2]), "share"))
    assert not found.scores(np.array([5]), "share").any(), "a group without rows"
