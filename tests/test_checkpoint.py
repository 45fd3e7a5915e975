"""Finished batches: back bit for bit, bound to their run, held by one run at a time."""

from pathlib import Path

import numpy as np
import pytest

from limekiln import checkpoint
from limekiln.aggregate.folds import FoldTally
from limekiln.domains.tabular.data_pool import PredictedRows
from limekiln.errors import RunError
from limekiln.local.parts import PartBatch
from limekiln.local.tables import Batch, PredictedPart
from limekiln.values import Failure, LocalExplanations, Outputs, PartExplanations

EXPLANATIONS = LocalExplanations(
    rows=np.array([3, 5]),
    labels=np.array([0, 1]),
    codes=np.array([[0, 2], [1, 1]], dtype=np.int32),
    weights=np.array([[0.1, -1e-300], [np.pi, 0.0]]),
    intercept=np.array([0.5, 0.25]),
    surrogate=np.array([0.6, 0.2]),
    predicted=np.array([0.61, 0.19]),
    r2=np.array([0.9, np.nan]),
    vsi=np.array([0.8, 1.0]),
    csi=np.array([1.0, np.nan]),
)
TALLY = FoldTally(*np.random.default_rng(0).normal(size=(4, 2, 20, 2)))


def test_a_batch_comes_back_bit_for_bit(tmp_path: Path) -> None:
    kept = checkpoint.Kept(tmp_path)
    kept.save("explain", 7, Batch(EXPLANATIONS, TALLY, (Failure(9, "perturb", 'said "no"\0\nß'),), 40))
    back = kept.load("explain", 7)
    assert back is not None
    for name, array in vars(EXPLANATIONS).items():
        returned = getattr(back.explanations, name)
        assert returned.dtype == array.dtype
        assert returned.tobytes() == array.tobytes()
    for name, array in vars(TALLY).items():
        assert getattr(back.folds, name).tobytes() == array.tobytes()
    assert back.failures == (Failure(9, "perturb", 'said "no"\0\nß'),)
    assert back.model_rows == 40


def test_a_batch_of_texts_comes_back_with_the_names_of_their_parts(tmp_path: Path) -> None:
    told = PartExplanations(
        rows=np.array([3, 5]),
        labels=np.array([0, 1]),
        sizes=np.array([2, 1]),
        weights=np.array([0.1, -1e-300, np.pi]),
        intercept=np.array([0.5, 0.25]),
        surrogate=np.array([0.6, 0.2]),
        predicted=np.array([0.61, 0.19]),
        r2=np.array([0.9, np.nan]),
        vsi=np.full(2, np.nan),
        csi=np.full(2, np.nan),
    )
    traits = {"word": np.array(["straße", "日本", "x"]), "capped": np.array([False, False, True])}
    kept = checkpoint.Kept(tmp_path)
    kept.save("explain", 1, PartBatch(told, traits, (Failure(4, "decompose", "the text is blank"),), 40, 7))
    back = kept.load("explain", 1)
    assert isinstance(back, PartBatch)
    for name, array in vars(told).items():
        returned = getattr(back.explanations, name)
        assert returned.dtype == array.dtype
        assert returned.tobytes() == array.tobytes()
    assert {name: array.tolist() for name, array in back.traits.items()} == {
        "word": ["straße", "日本", "x"],
        "capped": [False, False, True],
    }
    assert back.failures == (Failure(4, "decompose", "the text is blank"),)
    assert (back.model_rows, back.refused) == (40, 7)


def test_a_discreet_folder_keeps_no_traits_and_no_real_rows(tmp_path: Path) -> None:
    nothing, none = np.empty(0), np.empty(0, dtype=np.int64)
    kept = checkpoint.Kept(tmp_path, discreet=True)
    kept.save(
        "explain", 0, PartBatch(PartExplanations(none, none, none, *[nothing] * 7), {"word": np.array(["x"])}, (), 0, 0)
    )
    kept.save("real pool", 0, PredictedRows(np.zeros((1, 1), dtype=np.int32), np.ones((1, 1)), np.ones((1, 2)), 0, ""))
    back = kept.load("explain", 0)
    assert isinstance(back, PartBatch)
    assert back.traits == {}
    assert kept.load("real pool", 0) is None


def test_a_batch_without_an_explained_text_comes_back(tmp_path: Path) -> None:
    nothing, none = np.empty(0), np.empty(0, dtype=np.int64)
    told = PartExplanations(none, none, none, *[nothing] * 7)
    kept = checkpoint.Kept(tmp_path)
    kept.save("explain", 0, PartBatch(told, {}, (Failure(0, "decompose", "why"),), 0, 0))
    back = kept.load("explain", 0)
    assert isinstance(back, PartBatch)
    assert len(back.explanations.rows) == 0
    assert back.traits == {}


def test_predictions_and_pool_parts_come_back(tmp_path: Path) -> None:
    kept = checkpoint.Kept(tmp_path)
    outputs = np.array([[0.1, 0.9], [np.nan, np.nan]])
    kept.save("predict", 0, (outputs, [(1, "refused")]))
    kept.save("pool", 0, PredictedPart(EXPLANATIONS.codes, EXPLANATIONS.weights, outputs, 1, "why"))
    predicted = kept.load("predict", 0)
    part = kept.load("pool", 0)
    assert predicted is not None
    assert part is not None
    assert predicted[0].tobytes() == outputs.tobytes()
    assert predicted[1] == [(1, "refused")]
    assert (part.failed, part.error) == (1, "why")
    assert part.codes.tobytes() == EXPLANATIONS.codes.tobytes()


@pytest.mark.parametrize("damage", [b"", b"not an archive", b"PK\x03\x04 half"])
def test_a_damaged_batch_is_made_again(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "explain-000000.npz").write_bytes(damage)
    assert checkpoint.Kept(tmp_path).load("explain", 0) is None


def test_a_batch_that_was_never_made_is_none(tmp_path: Path) -> None:
    assert checkpoint.Kept(tmp_path).load("explain", 0) is None


def test_a_failed_run_keeps_its_batches_and_a_finished_one_does_not(tmp_path: Path) -> None:
    outputs: Outputs = (np.zeros((1, 2)), [])
    with pytest.raises(KeyboardInterrupt), checkpoint.hold(tmp_path, "f" * 64, resume=False) as kept:  # noqa: PT012  # the block is the run
        kept.save("predict", 0, outputs)
        raise KeyboardInterrupt
    with checkpoint.hold(tmp_path, "f" * 64, resume=True) as kept:
        assert kept.load("predict", 0) is not None
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_start_forgets_what_was_kept(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), checkpoint.hold(tmp_path, "f" * 64, resume=False) as kept:  # noqa: PT012  # the block is the run
        kept.save("predict", 0, (np.zeros((1, 2)), []))
        raise KeyboardInterrupt
    with checkpoint.hold(tmp_path, "f" * 64, resume=False) as kept:
        assert kept.load("predict", 0) is None


def test_a_failure_without_batches_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), checkpoint.hold(tmp_path, "f" * 64, resume=False):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_two_runs_of_one_config_do_not_mix(tmp_path: Path) -> None:
    with checkpoint.hold(tmp_path, "f" * 64, resume=False):
        second = checkpoint.hold(tmp_path, "f" * 64, resume=True)
        with pytest.raises(RunError, match="another run of the same config is at work"), second:
            pass
        with checkpoint.hold(tmp_path, "a" * 64, resume=False):
            pass


def test_the_fingerprint_depends_on_every_fact_and_not_on_their_order() -> None:
    facts = {"model": "a", "settings": {"seed": 0, "rows": 10}}
    assert checkpoint.fingerprint(facts) == checkpoint.fingerprint(dict(reversed(facts.items())))
    assert checkpoint.fingerprint(facts) != checkpoint.fingerprint({**facts, "model": "b"})
