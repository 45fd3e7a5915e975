"""Candidate reasons of whole runs: of models whose reasons are known, of gaps and of what cannot be asked."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kiln_cases
import limekiln
from limekiln import store
from limekiln.errors import InputError
from limekiln.reasons import document, finding, words
from limekiln.reasons.finding import Asked
from limekiln.record import RunRecord

BETA = {"a": 0.9, "b": -0.7, "c": 0.5, "d": 0.3, "e": -0.2}
MODEL = """
import numpy as np

def predict(frame):
    score = frame[["a", "b", "c", "d", "e"]].to_numpy(float) @ {beta!r} - {offset!r}
    p = {link}
    return np.column_stack([p, 1 - p])
"""
LINEAR, LOGISTIC = "0.5 + score / 5", "1 / (1 + np.exp(-score))"


def run_of(folder: Path, link: str) -> Path:
    """A linear model of five columns of 0 and 1, which go together, and 300 rows; the run's folder."""
    rng = np.random.default_rng(1)
    pull = rng.random(300)
    data = pd.DataFrame(
        {n: (0.5 * pull + 0.5 * rng.random(300) > 0.3 + 0.1 * i).astype(int) for i, n in enumerate(BETA)}
    )
    offset = float((data * BETA).sum(axis=1).median()) + 0.01  # no row stands on the border
    text = MODEL.format(beta=list(BETA.values()), offset=offset, link=link)
    folder.mkdir()
    data.to_csv(folder / "data.csv", index=False)
    (folder / "linear.py").write_text(text, "utf-8")
    config = f"""
model: {{name: linear, source: {{kind: python, path: "linear:predict", classes: [bad, good]}}}}
data: {{source: {{kind: csv, path: data.csv}}, categorical: [{", ".join(BETA)}]}}
sample: {{rows: all}}
explain: {{perturbations: 20000}}
report: {{formats: [html]}}
cluster: {{scheduler: inline}}
"""
    (folder / "config.yaml").write_text(config, "utf-8")
    done = limekiln.run(folder / "config.yaml").folder
    assert done is not None
    return done


def truth(folder: Path) -> list[dict[str, float]]:
    """Of each row, by feature: coefficient times distance from the mean of the rows predicted good."""
    data = pd.read_csv(folder.parents[2] / "data.csv")
    good = store.read(folder).tables["rows"]["class"].to_numpy() == "good"
    found = (data.to_numpy(float) - data[good].to_numpy(float).mean(axis=0)) * np.array(list(BETA.values()))
    return [dict(zip(BETA, line, strict=True)) for line in found.tolist()]


@pytest.fixture(scope="module")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_of(tmp_path_factory.mktemp("runs") / "linear", LINEAR)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, mixed columns, one of them noise and one constant."""
    config = kiln_cases.write(tmp_path_factory.mktemp("case"), explain__perturbations=4000)
    done = limekiln.run(config).folder
    assert done is not None
    return done


def test_a_linear_models_contributions_are_its_own(linear: Path) -> None:
    found, known = finding.find(linear, Asked("bad", top=5)), truth(linear)
    assert found.below_floor == ()
    assert found.rows_of_class == len(found.rows) > 100
    for row in found.rows:
        mine = {feature: of / 5 for feature, of in known[int(row.row)].items()}
        assert {r.feature for r in row.reasons} == {feature for feature, of in mine.items() if of > 0}
        assert [r.contribution for r in row.reasons] == pytest.approx([mine[r.feature] for r in row.reasons], abs=2e-3)
        assert not row.for_a_person


def test_a_logistic_models_reasons_stand_in_the_order_of_its_coefficients(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "logistic", LOGISTIC)
    found, known = finding.find(folder, Asked("bad", top=5)), truth(folder)
    for row in found.rows:
        told = [known[int(row.row)][r.feature] for r in row.reasons]
        assert min(told) > 0
        assert all(before > 0.9 * after for before, after in pairwise(told)), row


def test_top_keeps_the_first_and_rows_the_first(linear: Path) -> None:
    every, two = finding.find(linear, Asked("bad", top=5)), finding.find(linear, Asked("bad", top=2, rows=3))
    assert [r.row for r in two.rows] == [r.row for r in every.rows[:3]]
    assert [r.reasons for r in two.rows] == [r.reasons[:2] for r in every.rows[:3]]
    assert two.rows_of_class == every.rows_of_class


def test_a_reference_is_a_class_all_rows_the_close_ones_or_a_file(linear: Path, tmp_path: Path) -> None:
    rows = store.read(linear).tables["rows"]
    good = rows[rows["class"] == "good"]
    sizes = {}
    (tmp_path / "approved.csv").write_text("row,when\n" + "".join(f"{r},2026\n" for r in [*good["row"], "x9"]), "utf-8")
    for name in ("otherwise", "good", "all", "close", str(tmp_path / "approved.csv")):
        found = finding.find(linear, Asked("bad", reference=name))
        sizes[name] = found.reference.rows
        if name.endswith("approved.csv"):
            assert found.reference.not_explained == 1
            assert "1 rows of the reference's file were not explained" in found.notes[0]
    assert sizes["otherwise"] == sizes["good"] == sizes[str(tmp_path / "approved.csv")] == len(good)
    assert sizes["all"] == len(rows)
    assert len(good) / 5 < sizes["close"] < len(good) / 2
    close = finding.find(linear, Asked("bad", reference="close"))
    assert close.rows != finding.find(linear, Asked("bad")).rows


def test_noise_is_never_a_reason_and_is_named(linear: Path, tmp_path: Path) -> None:
    record = store.read(linear)
    table = record.tables["importances"]
    noisy = (table["class"] == "bad") & (table["feature"] == "a")
    table = table.assign(above_floor=table["above_floor"].mask(noisy, other=False))
    place = stored(tmp_path / "run", replace(record, tables={**record.tables, "importances": table}))
    before, found = finding.find(linear, Asked("bad", top=2)), finding.find(place, Asked("bad", top=2))
    assert (before.below_floor, found.below_floor) == ((), ("a",))
    led = [row.row for row in before.rows if "a" in {r.feature for r in row.reasons}]
    assert 0 < len(led) < len(before.rows)
    assert [row.row for row in found.rows if row.noise == ("a",)] == led
    assert "a" not in {r.feature for row in found.rows for r in row.reasons}
    assert "it may be noise: a" in "\n".join(words.lines(found))


def test_rows_that_are_not_usable_are_for_a_person(case: Path) -> None:
    found = finding.find(case, Asked("perhaps"))
    trust = store.read(case).tables["rows"].set_index("row")["trust"]
    assert {row.row: row.trust for row in found.rows} == trust[[row.row for row in found.rows]].to_dict()
    assert any(row.for_a_person for row in found.rows)
    assert all(row.for_a_person == (row.trust != "usable") for row in found.rows)
    lines = list(words.lines(found))
    assert "NOT AN ADVERSE ACTION NOTICE" in lines[1]
    assert any(line.startswith("for people") and "a person must judge" in line for line in lines)
    assert "complian" not in "\n".join(lines).lower()


def test_codes_are_put_to_reasons_and_gaps_are_named(case: Path, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text("feature,value,code,text\ncity,Ulm,C1,=lives in Ulm\nage,,A1,Age\n", "utf-8")
    found = finding.find(case, Asked("yes", codes=tmp_path / "codes.csv"))
    given = {(r.feature, r.value == "Ulm", r.code) for row in found.rows for r in row.reasons}
    assert ("city", True, "C1") in given
    assert all(code == "A1" for feature, _, code in given if feature == "age")
    assert "income" in found.without_code
    assert "age" not in found.without_code
    table = document.table(found)
    assert tuple(table.columns) == document.COLUMNS
    assert "'=lives in Ulm" in store.to_csv(table)


def test_a_row_without_a_reason_keeps_its_line(linear: Path) -> None:
    found = finding.find(linear, Asked("bad", rows=1))
    bare = found.model_copy(update={"rows": (found.rows[0].model_copy(update={"reasons": ()}),)})
    (line,) = document.table(bare).to_dict("records")
    assert line["row"] == found.rows[0].row
    assert pd.isna(line["candidate"])
    assert "no feature speaks for the class" in "\n".join(words.lines(bare))


def test_a_feature_that_can_hardly_be_told_from_the_last_reason_is_named(linear: Path, tmp_path: Path) -> None:
    record = store.read(linear)
    assert {row.tied for row in finding.find(linear, Asked("bad", top=1)).rows} == {None}
    method = record.results.method.model_copy(update={"indifference": 1.0})
    loose = replace(record, results=record.results.model_copy(update={"method": method}))
    found = finding.find(stored(tmp_path / "run", loose), Asked("bad", top=1))
    every = {row.row: [r.feature for r in row.reasons] for row in finding.find(linear, Asked("bad", top=5)).rows}
    assert [row.tied for row in found.rows] == [next(iter(every[row.row][1:2]), None) for row in found.rows]


def stored(place: Path, record: RunRecord) -> Path:
    """A run folder with other results, as a run of its own would have them."""
    place.mkdir()
    store.write_results(place, replace(record, mapping=None))
    manifest = record.manifest.model_copy(update={"files": store.hashes(place), "mapping": None})
    store.write_text(place / store.MANIFEST, store.to_json(manifest))
    return place


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("data", {"domain": "text"}, "a run of a table"),
        ("model", {"task": "regression"}, "a run of a classification"),
        ("method", {"features": 3}, "explain.features: null"),
        ("method", {"discretizer": "none"}, "run again with quartile"),
    ],
)
def test_runs_whose_reasons_cannot_be_told_are_refused(
    case: Path, tmp_path: Path, part: str, change: dict[str, object], said: str
) -> None:
    record = store.read(case)
    section = getattr(record.results, part).model_copy(update=change)
    changed = replace(record, results=record.results.model_copy(update={part: section}))
    with pytest.raises(InputError, match=said):
        finding.find(stored(tmp_path / "run", changed), Asked("no"))


def test_a_class_or_a_reference_that_is_not_there(case: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no class 'Yess'; did you mean \"yes\""):
        finding.find(case, Asked("Yess"))
    with pytest.raises(InputError, match="neither otherwise, close, all, a class"):
        finding.find(case, Asked("yes", reference="approved"))
    (tmp_path / "none.txt").write_text("nobody\n", "utf-8")
    with pytest.raises(InputError, match="explained none"):
        finding.find(case, Asked("yes", reference=str(tmp_path / "none.txt")))


def test_a_changed_table_is_not_taken(case: Path, tmp_path: Path) -> None:
    place = stored(tmp_path / "run", store.read(case))
    finding.find(place, Asked("yes"))
    table = store.read(case).tables["explanations"]
    table.assign(weight=-table["weight"]).to_parquet(place / "explanations.parquet")
    with pytest.raises(InputError, match="is not the file that the run wrote"):
        finding.find(place, Asked("yes"))
