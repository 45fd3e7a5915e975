"""Keep and remove and retrain for a run, with train functions whose models are known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import judge_cases
from judge_cases import Case
from limekiln.errors import InputError, RunError
from limekiln.evaluation import judge
from limekiln.evaluation.document import Retraining
from limekiln.evaluation.retraining import Labels, Predict
from limekiln.evaluation.user_training import Retrain
from limekiln.values import Progress


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return judge_cases.made(tmp_path_factory.mktemp("judged"))


def retrained(case: Case, retrain: Retrain) -> Retraining:
    found = judge.judge(case.run, rows=5, retrain=retrain).retraining
    assert found is not None
    return found


@pytest.fixture(scope="module")
def found(case: Case) -> Retraining:
    return retrained(case, Retrain("training:train"))


def test_the_features_that_count_are_enough_and_missed(found: Retraining) -> None:
    keep, remove = found.modes
    assert (keep.mode, remove.mode) == ("keep", "remove")
    assert [step.features for step in keep.steps] == [1, 2]  # 5 % to 50 % of five features, each number once
    assert keep.steps[1].ranking.mean >= found.everything.mean
    assert remove.steps[1].ranking.mean == pytest.approx(0.5, abs=0.15)
    for mode in found.modes:
        assert mode.verdict == "better"
        assert mode.verdict_on_permutation == "open"


def test_rows_to_judge_by_are_a_quarter_and_models_are_told_apart_by_seed(found: Retraining) -> None:
    assert (found.training_rows, found.test_rows, found.without_target) == (225, 75, 0)
    assert found.seeds == (1, 2, 3, 4, 5)
    assert (found.score, found.ranking_of, found.train) == ("accuracy", "*", "training:train")


def test_a_ranking_that_is_upside_down_loses(tmp_path: Path) -> None:
    case = judge_cases.made(tmp_path)
    judge_cases.reverse(case)
    for mode in retrained(case, Retrain("training:train")).modes:
        assert mode.verdict_on_permutation == "worse"
        assert mode.over_random.mean is not None
        assert mode.over_random.mean < 0  # five random orders may leave it open


def test_a_regression_is_scored_by_r2(tmp_path: Path) -> None:
    found = retrained(judge_cases.made(tmp_path, regression=True), Retrain("training:train_value", seeds=3))
    assert found.score == "R²"
    assert found.everything.mean == pytest.approx(1)
    assert found.nothing.mean == pytest.approx(0, abs=0.1)
    assert found.modes[0].steps[0].ranking.mean == pytest.approx(9 / 13, abs=0.15)  # of the variance, 3² : 2²


def test_a_function_gets_the_datas_own_rows_and_labels_and_each_seed(case: Case) -> None:
    seen: list[tuple[int, list[str], set[str]]] = []

    def train(X: pd.DataFrame, y: Labels, seed: int) -> Predict:
        seen.append((seed, list(X.columns), set(y)))
        return lambda rows: np.full(len(rows), "yes")

    found = retrained(case, Retrain(train, seeds=2))
    assert {seed for seed, _, _ in seen} == {1, 2}
    assert all(columns == ["nothing", "less", "idle", "much", "vain"] for _, columns, _ in seen)
    assert all(labels == {"no", "yes"} for _, _, labels in seen)
    labels = judge_cases.table()["label"]
    assert found.everything.mean == pytest.approx((labels == "yes").mean(), abs=0.1)
    assert all(mode.verdict == "open" for mode in found.modes)


def test_progress_never_exceeds_what_was_announced(case: Case) -> None:
    heard: list[tuple[int, int]] = []

    def listener(event: Progress) -> None:
        if event.stage == "train":
            heard.append((event.done, event.total))

    def train(_: pd.DataFrame, __: Labels, ___: int) -> Predict:
        return lambda rows: np.full(len(rows), "yes")

    judge.judge(case.run, rows=5, retrain=Retrain(train, seeds=2), listener=listener)
    assert all(0 <= done <= total for done, total in heard)
    assert heard[-1][0] == heard[-1][1]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("training", 'expected "module:callable", such as training:train, got "training"'),
        ("nowhere:train", "needs the module 'nowhere'"),
        ("training:trian", "no attribute 'trian'"),
        ("training:np.pi", "is no function but a value of type float"),
    ],
)
def test_a_function_that_is_not_there_is_refused_before_anything_is_measured(
    case: Case, train: str, message: str
) -> None:
    heard: list[str] = []
    with pytest.raises(InputError, match=message):
        judge.judge(case.run, rows=5, retrain=Retrain(train), listener=lambda event: heard.append(event.stage))
    assert heard == []


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("training:fails", "--train: training:fails raised ZeroDivisionError: no such thing"),
        ("training:gives_nothing", "gave back a value of type NoneType, not a function of rows"),
        ("training:gives_one", r"predicts an array of shape \(1,\), not \(75,\)"),
    ],
)
def test_a_function_that_fails_is_a_run_error(case: Case, train: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        judge.judge(case.run, rows=5, retrain=Retrain(train))


def test_without_a_target_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    case = judge_cases.made(tmp_path, data__target=None, data__exclude=["amount", "label"])
    with pytest.raises(InputError, match=r"names no data\.target"):
        judge.judge(case.run, rows=5, retrain=Retrain("training:train"))
