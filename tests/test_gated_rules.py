"""Whole runs under every rule: planted behaviour fails, a proxy of an excluded column is found, noise is undecided."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from limekiln import cli, config, kiln
from limekiln.errors import InputError
from limekiln.evidence import GateOutcome, Proxies

MODEL = """
import numpy as np


def predict(frame):
    p = 1 / (1 + np.exp(-(2.5 * (frame["job"] == "nurse") + 0.6 * (frame["income"] > 0) - 1.5)))
    return np.column_stack([1 - p, p])


def never(frame):
    raise AssertionError("no row may be asked for")
"""


def people(n: int) -> pd.DataFrame:
    """The job goes with the sex, which the model does not get; the other columns go with nothing."""
    rng = np.random.default_rng(6)
    sex = rng.choice(["f", "m"], n)
    return pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(n)],
            "sex": sex,
            "job": np.where(
                rng.random(n) < 0.8, np.where(sex == "f", "nurse", "smith"), rng.choice(["nurse", "smith"], n)
            ),
            "income": rng.normal(size=n),
            **{f"idle{i}": rng.choice(["x", "y"], n) for i in range(4)},
        }
    )


def write(folder: Path, gates: list[dict[str, Any]], n: int = 400, model: str = "predict", **sections: Any) -> Path:
    people(n).to_csv(folder / "people.csv", index=False)
    (folder / "model.py").write_text(MODEL, "utf-8")
    content = {
        "model": {
            "name": "People",
            "source": {"kind": "python", "path": f"model:{model}", "classes": ["no", "yes"]},
            "output": "probability",
        },
        "data": {"source": {"kind": "csv", "path": "people.csv"}, "exclude": ["sex"], "id": "id"},
        "sample": {"rows": "all"},
        "explain": {"perturbations": 3000, "compare_pools": False},
        "aggregate": {"top": 3},
        "pick": {"budget": 2},
        "report": {"formats": ["html"]},
        "cluster": {"scheduler": "inline"},
        "gates": gates,
    }
    for name, keys in sections.items():
        content[name] = content[name] | keys
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(content, file)
    return path


RULES: list[tuple[dict[str, Any], str]] = [
    ({"rule": "max_rank", "feature": "job", "below": 1}, "fail"),
    ({"rule": "max_rank", "feature": "idle0", "below": 2}, "pass"),
    ({"rule": "max_share", "feature": "job", "value": 0.3}, "fail"),
    ({"rule": "max_share", "feature": "idle0", "value": 0.3}, "pass"),
    ({"rule": "must_not_be_decided_above", "proxies_of": "sex", "above": "income"}, "fail"),
    ({"rule": "must_not_be_decided_above", "proxies_of": "sex", "association": 0.95, "above": "income"}, "pass"),
    ({"rule": "must_not_be_decided_above", "columns": ["idle0", "idle1"], "above": "income"}, "pass"),
    ({"rule": "must_not_be_decided_above", "columns": ["job"], "above": "noise"}, "fail"),
    ({"rule": "min_fidelity", "value": 0.1}, "pass"),
    ({"rule": "min_fidelity", "value": 0.999}, "fail"),
    ({"rule": "min_trusted", "value": 0.0}, "pass"),
    ({"rule": "max_failed", "value": 0.0}, "pass"),
    ({"rule": "max_rank_noise", "value": 0.5}, "pass"),
]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> kiln.Finished:
    return kiln.run(config.load(write(tmp_path_factory.mktemp("planted"), [gate for gate, _ in RULES])))


@pytest.mark.parametrize("i", range(len(RULES)), ids=lambda i: f"{RULES[i][0]['rule']} {RULES[i][1]} {i}")
def test_planted_behaviour_is_judged(planted: kiln.Finished, i: int) -> None:
    outcome = planted.record.results.gates[i]
    assert (outcome.rule, outcome.verdict) == (RULES[i][0]["rule"], RULES[i][1]), outcome.reason


def test_the_proxy_of_an_excluded_column_is_found_and_stored(planted: kiln.Finished) -> None:
    proxies = planted.record.results.proxies
    assert [(p.column, p.threshold, p.measure) for p in proxies] == [
        ("sex", 0.3, "cramers_v"),
        ("sex", 0.95, "cramers_v"),
    ]
    standings = {f.feature: f.standing for f in proxies[0].features}
    assert standings == {"job": "proxy", "income": "no proxy"} | {f"idle{i}": "no proxy" for i in range(4)}
    assert proxies[0].features[0].feature == "job"
    stored = json.loads((planted.folder / "results.json").read_bytes())["proxies"]
    assert [Proxies.model_validate(p) for p in stored] == list(proxies)
    page = (planted.folder / "report.html").read_text("utf-8")
    assert "Features that go together with sex" in page


def test_each_case_of_the_xml_has_a_name_of_its_own(planted: kiln.Finished) -> None:
    (suite,) = ET.parse(planted.folder / "gates.junit.xml").getroot()  # noqa: S314 - our own document
    names = [case.get("name") for case in suite]
    assert len(set(names)) == len(RULES)
    failed = [case for case in suite if [child.tag for child in case] == ["failure"]]
    assert len(failed) == sum(verdict == "fail" for _, verdict in RULES)
    assert failed[0].get("name") == "max_rank: rank of job"
    assert (failed[0][0].text or "").startswith("value 1")


def test_no_outcome_speaks_of_fairness(planted: kiln.Finished) -> None:
    told = " ".join(o.reason + o.about for o in planted.record.results.gates).lower()
    assert not [word for word in ("fair", "biased", "discriminat") if word in told]


def test_a_noisy_small_sample_is_undecided_and_not_passed(tmp_path: Path) -> None:
    gates: list[dict[str, Any]] = [
        {"rule": "max_rank", "feature": "idle0", "below": 2},
        {"rule": "max_share", "feature": "idle0", "value": 0.02},
        {"rule": "must_not_be_decided_above", "columns": ["idle0"], "above": "idle1"},
        {"rule": "min_fidelity", "value": 0.1},
        {"rule": "max_failed", "value": 0.01},
        {"rule": "max_rank_noise", "value": 0.5},
    ]
    path = write(tmp_path, gates, sample={"rows": 5}, explain={"perturbations": 60, "compare_pools": False})
    result = CliRunner().invoke(cli.app, ["run", str(path)])
    assert result.exit_code == 4, result.stderr
    assert result.stderr.count("  UNDECIDED  ") == len(gates)


def test_an_association_that_few_rows_leave_open_is_undecided(tmp_path: Path) -> None:
    gates: list[dict[str, Any]] = [
        {"rule": "must_not_be_decided_above", "proxies_of": "sex", "association": 0.6, "above": 2}
    ]
    settings = config.load(write(tmp_path, gates, n=60))
    (outcome,) = kiln.run(settings).record.results.gates
    assert (outcome.verdict, outcome.feature) == ("undecided", "job")
    assert "Whether it is a proxy of sex is open" in outcome.reason


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_name_that_is_not_there_ends_with_2_before_the_model_is_asked(tmp_path: Path, command: str) -> None:
    path = write(tmp_path, [{"rule": "max_rank", "feature": "incme", "below": 1}], model="never")
    result = CliRunner().invoke(cli.app, [command, str(path)])
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].endswith('gates[0].feature: no feature "incme"; did you mean "income"?')
    with pytest.raises(InputError, match="no class"):
        kiln.read_inputs(config.load(path, ["gates=[{rule: min_fidelity, value: 0.5, class: nope}]"]))


def test_gates_change_nothing_but_themselves(planted: kiln.Finished, tmp_path: Path) -> None:
    plain = kiln.run(config.load(write(tmp_path, []))).record.results
    left = planted.record.results.model_copy(update={"gates": (), "proxies": ()})
    assert left == plain
    assert isinstance(planted.record.results.gates[0], GateOutcome)
