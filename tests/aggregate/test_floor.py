"""The noise floor: hand-made tallies, and tallies that add up."""

import numpy as np
import pytest

from limekiln.aggregate import floor


def test_a_probe_stands_in_the_place_of_its_feature() -> None:
    weights = np.array([[3.0, -1.0]])
    probes = np.array([[[1.0, 2.0], [-6.0, 0.0]]])
    t = floor.tally(probes, weights, np.array([0]), 1)
    np.testing.assert_allclose(t.share[0], [[3 / 4, 1 / 4], [1 / 2, 2 / 5], [6 / 7, 0]])
    np.testing.assert_allclose(t.weighted[0], [[9 / 4, 1 / 4], [1 / 2, 4 / 5], [36 / 7, 0]])
    np.testing.assert_array_equal(t.support[0], [[1, 1], [1, 1], [1, 0]])


def test_tallies_of_batches_add_up_and_all_classes_are_their_sum() -> None:
    rng = np.random.default_rng(0)
    probes, weights, labels = rng.normal(size=(12, 4, 3)), rng.normal(size=(12, 3)), rng.integers(0, 2, 12)
    whole = floor.tally(probes, weights, labels, 2)
    added = floor.tally(probes[:5], weights[:5], labels[:5], 2) + floor.tally(probes[5:], weights[5:], labels[5:], 2)
    alone = floor.tally(probes, weights, np.zeros(12, dtype=np.int64), 1)
    for name in ("support", "share", "weighted"):
        np.testing.assert_allclose(getattr(added, name), getattr(whole, name))
        np.testing.assert_allclose(getattr(floor.together(whole), name), getattr(alone, name))


def test_the_floor_is_the_highest_probe_to_the_scale_of_all_rows() -> None:
    t = floor.ProbeTally(
        support=np.array([[[2.0, 2.0, 0.0], [2.0, 1.0, 1.0], [2.0, 0.0, 0.0]]]),
        share=np.zeros((1, 3, 3)),
        weighted=np.array([[[4.0, 2.0, 0.0], [1.0, 3.0, 1.0], [2.0, 0.0, 0.0]]]),
    )
    found = floor.floor(t, 0, np.array([4.0, 1.0, 5.0]), "weighted")
    # on the probed rows the features score 2 and 1, their best probes 1 and 3; on all rows the features score 4 and 1
    np.testing.assert_allclose(found[:2], [2.0, 3.0])
    assert np.isnan(found[2])  # no probed row uses it


@pytest.mark.parametrize("score", ["share", "weighted"])
def test_features_and_probes_of_one_law_score_alike(score: str) -> None:
    rng = np.random.default_rng(1)
    weights, probes = rng.normal(size=(4000, 6)), rng.normal(size=(4000, 3, 6))
    t = floor.tally(probes, weights, np.zeros(4000, dtype=np.int64), 1)
    found = getattr(t, score)[0] / t.support[0]
    np.testing.assert_allclose(found[1:], np.broadcast_to(found[0].mean(), (3, 6)), rtol=0.08)


def test_an_explanation_of_nothing_counts_nothing() -> None:
    t = floor.tally(np.zeros((1, 2, 2)), np.zeros((1, 2)), np.array([0]), 1)
    assert not t.share.any()
    assert not t.support.any()
    assert np.isnan(floor.floor(t, 0, np.zeros(2), "share")).all()


def test_a_probe_of_a_feature_that_was_not_kept_displaces_the_least() -> None:
    weights = np.array([[3.0, 0.0, -1.0]])
    probes = np.array([[[0.0, 2.0, 0.0]]])
    t = floor.tally(probes, weights, np.array([0]), 1)
    np.testing.assert_allclose(t.share[0], [[3 / 4, 0, 1 / 4], [0, 2 / 5, 0]])
