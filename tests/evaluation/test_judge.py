"""What `limekiln evaluate` says of runs whose right ranking is known."""

import sys
from pathlib import Path

import numpy as np
import pytest

import judge_cases
from judge_cases import Case
from limekiln import api, store
from limekiln.errors import InputError
from limekiln.evaluation import judge
from limekiln.evaluation.document import ClassEvaluation, Evaluation
from limekiln.models import references


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return judge_cases.made(tmp_path_factory.mktemp("judged"))


@pytest.fixture(scope="module")
def found(case: Case) -> Evaluation:
    return judge.judge(case.run, rows=60)


def of(evaluation: Evaluation, name: str) -> ClassEvaluation:
    return next(c for c in evaluation.classes if c.name == name)


def test_a_ranking_that_has_the_two_features_that_count_first_is_better_than_random(found: Evaluation) -> None:
    assert [c.name for c in found.classes] == ["*", "no", "yes"]
    for c in found.classes:
        assert c.features[:2] == ("much", "less")
        assert c.deletion.verdict == "better"
        assert c.deletion.beaten is not None
        assert c.deletion.beaten > 0.8


def test_the_rival_agrees_where_there_is_nothing_else_to_say(found: Evaluation) -> None:
    for c in found.classes:
        assert c.permutation.features[:2] == ("much", "less")
        assert c.permutation.verdict == "open"
        assert (c.permutation.over_permutation.low, c.permutation.over_permutation.high) == (0, 0)
        assert c.permutation.rank_correlation >= 0.6  # the three that do nothing come in any order
        assert c.permutation.among == 3
        assert c.permutation.overlap >= 2 / 3


def test_rows_are_those_of_the_class_and_new_ones_first(found: Evaluation) -> None:
    for name in ("no", "yes"):
        deletion = of(found, name).deletion
        assert (deletion.rows, deletion.unseen, deletion.refused) == (60, 60, 0)
    assert of(found, "*").deletion.rows == 120


def test_explained_rows_fill_up_where_new_ones_are_too_few(case: Case) -> None:
    deletion = of(judge.judge(case.run, rows=1000), "*").deletion
    assert (deletion.rows, deletion.unseen) == (300, 200)


def test_a_curve_starts_at_nothing_and_its_mean_is_the_area(found: Evaluation) -> None:
    for c in found.classes:
        falls = [step.fall.mean for step in c.deletion.curve]
        assert falls[0] == 0
        assert len(falls) == found.asked.length + 1 == 5  # the four first of five features
        assert c.deletion.aopc.mean == pytest.approx(np.mean([f for f in falls if f is not None]))


def test_without_the_two_that_count_nothing_more_is_lost(found: Evaluation) -> None:
    for c in found.classes:
        falls = [step.fall.mean for step in c.deletion.curve]
        assert falls[2] == pytest.approx(falls[4])
        assert falls[1] is not None
        assert falls[2] is not None
        assert 0 < falls[1] < falls[2]


def test_the_same_run_gives_the_same_bytes(case: Case, found: Evaluation) -> None:
    assert store.to_json(judge.judge(case.run, rows=60)) == store.to_json(found)


def test_nothing_in_the_run_folder_changes(case: Case) -> None:
    before = store.hashes(case.run), (case.run / "manifest.json").read_bytes()
    api.evaluate(case.run, rows=5)
    assert (store.hashes(case.run), (case.run / "manifest.json").read_bytes()) == before


def test_it_counts_what_the_model_was_asked_for(found: Evaluation) -> None:
    permuted = 100 * (1 + 5 * found.asked.repeats)
    assert found.model_rows > 300 + permuted
    # no set of features twice: there are 2⁵ at most
    assert found.model_rows <= 300 + permuted + 2 * 60 * found.asked.draws * 2**5


def test_a_ranking_that_is_upside_down_is_said_to_be_worse_than_random(tmp_path: Path) -> None:
    wrong = judge_cases.made(tmp_path)
    judge_cases.reverse(wrong)
    for c in judge.judge(wrong.run, rows=60).classes:
        assert set(c.features[3:]) <= {"much", "less"}
        assert c.deletion.verdict == "worse"
        assert c.permutation.verdict == "worse"
        assert c.deletion.beaten is not None
        assert c.deletion.beaten < 0.3
        assert c.permutation.rank_correlation < 0


def test_a_regression_counts_changes_either_way(tmp_path: Path) -> None:
    case = judge_cases.made(tmp_path, regression=True)
    found = judge.judge(case.run, rows=80)
    assert [c.name for c in found.classes] == ["prediction"]
    only = found.classes[0]
    assert only.features[:2] == only.permutation.features[:2] == ("much", "less")
    assert only.deletion.verdict == "better"
    assert only.deletion.rows == 80
    # |3·(x − x′)| for two normal numbers
    assert only.deletion.curve[1].fall.mean == pytest.approx(3 * 2 / np.sqrt(np.pi), rel=0.2)


def test_a_run_of_kernelshap_is_judged_alike(tmp_path: Path) -> None:
    case = judge_cases.made(tmp_path, explain__method="kernelshap", explain__perturbations=60, sample__rows=30)
    for c in judge.judge(case.run, rows=40).classes:
        assert c.features[:2] == ("much", "less")
        assert c.deletion.verdict == "better"


def test_columns_of_a_group_go_together(tmp_path: Path) -> None:
    case = judge_cases.made(tmp_path, data__groups={"both": ["much", "less"]})
    found = judge.judge(case.run, rows=30)
    assert found.n_features == 4
    for c in found.classes:
        assert c.features[0] == c.permutation.features[0] == "both"
        falls = [step.fall.mean for step in c.deletion.curve]
        assert falls[1] == pytest.approx(falls[3])


def test_a_class_that_no_row_is_predicted_is_left_out(tmp_path: Path) -> None:
    code = judge_cases.MODEL.replace("[1 - p, p]", "[1 - p, p, 0 * p]")
    (tmp_path / "ours3.py").write_text(code, "utf-8")
    source = {"kind": "python", "path": "ours3:predict", "classes": ["no", "yes", "never"]}
    found = judge.judge(judge_cases.made(tmp_path, model__source=source).run, rows=20)
    assert found.left_out == ("never",)
    assert [c.name for c in found.classes] == ["*", "no", "yes"]


def test_another_domain_is_refused_with_the_reason(case: Case, tmp_path: Path) -> None:
    for file in case.run.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (tmp_path / "results.json").read_text("utf-8").replace('"domain": "tabular"', '"domain": "images"')
    (tmp_path / "results.json").write_text(text, "utf-8")
    with pytest.raises(InputError, match="explains images, and evaluate takes columns of a table away"):
        judge.judge(tmp_path)


def test_a_single_feature_has_no_order(tmp_path: Path) -> None:
    names = ["nothing", "idle", "vain"]
    case = judge_cases.made(tmp_path, data__exclude=["amount", *names], data__groups={"both": ["much", "less"]})
    with pytest.raises(InputError, match="one feature; there is no order"):
        judge.judge(case.run)


def test_a_model_that_answers_otherwise_than_in_the_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = judge_cases.made(tmp_path)
    (tmp_path / "ours.py").write_text(judge_cases.MODEL.replace("3 * frame", "2.5 * frame"), "utf-8")
    monkeypatch.delitem(sys.modules, "ours")  # as another process would not know it
    references._loaded.cache_clear()
    with pytest.raises(InputError, match="predicts otherwise than in the run for 100 of 100 explained rows"):
        judge.judge(case.run)
