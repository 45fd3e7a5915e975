"""The features that go together with a column that a gate names: roles, groups, numbers, and each asked for once."""

from pathlib import Path
from typing import Any

import pytest

import kiln_cases
from limekiln import config, kiln, proxies
from limekiln.association import Association
from limekiln.evidence import Proxies


def gate(column: str, association: float = 0.3) -> dict[str, Any]:
    return {
        "rule": "must_not_be_decided_above",
        "proxies_of": column,
        "association": association,
        "above": 2,
    }


def measured(folder: Path, *gates: dict[str, Any], **changes: Any) -> tuple[Proxies, ...]:
    loaded = config.load(kiln_cases.write(folder, gates=list(gates), **changes))
    return proxies.measure(kiln.read_inputs(loaded).frame, loaded.settings)


def test_nothing_is_measured_where_no_gate_asks(tmp_path: Path) -> None:
    assert measured(tmp_path, {"rule": "max_failed", "value": 0.01}) == ()


def test_a_column_with_any_role_can_be_named(tmp_path: Path) -> None:
    found = measured(tmp_path, gate("amount"), gate("label"), gate("city"), gate("city", 0.5))
    assert [(p.column, p.measure, p.threshold) for p in found] == [
        ("amount", "correlation_ratio", 0.3),
        ("label", "cramers_v", 0.3),
        ("city", "cramers_v", 0.3),
        ("city", "cramers_v", 0.5),
    ]
    excluded, target, feature, _ = ({f.feature: f for f in p.features} for p in found)
    assert excluded["age"].standing == target["age"].standing == "proxy"
    assert excluded["noise"].standing == "no proxy"
    assert (excluded["wave"].value, excluded["wave"].high) == (0, 0), "it never varies"
    assert feature["city"].standing == "the column"
    assert found[2].features[0].feature == "city"
    assert [f.value for f in found[0].features] == sorted((f.value for f in found[0].features), reverse=True)


def test_a_group_counts_by_the_column_of_it_that_goes_together_most(tmp_path: Path) -> None:
    groups = {"person": ["age", "noise"]}
    (of_amount, of_age) = measured(tmp_path, gate("amount"), gate("age"), data__groups=groups)
    alone = {f.feature: f for f in measured(tmp_path, gate("amount"))[0].features}
    grouped = {f.feature: f for f in of_amount.features}
    assert set(grouped) == {"person", "income", "city", "wave"}
    assert grouped["person"].value == alone["age"].value
    assert of_age.features[0].model_dump() == {
        "feature": "person",
        "value": 1.0,
        "low": 1.0,
        "high": 1.0,
        "standing": "the column",
    }


def test_the_strongest_of_several() -> None:
    each = [Association(0.2, 0.1, 0.6), Association(0.4, 0.3, 0.5)]
    assert proxies.strongest(each) == Association(0.4, 0.3, 0.6)


@pytest.mark.parametrize("regression", [False, True])
def test_a_run_is_judged_by_what_was_measured(tmp_path: Path, *, regression: bool) -> None:
    column = "label" if regression else "amount"
    gates = [gate(column), {"rule": "max_rank", "feature": "wave", "below": 2}]
    loaded = config.load(kiln_cases.write(tmp_path, regression=regression, gates=gates))
    results = kiln.run(loaded).record.results
    first, second = results.gates
    assert (first.verdict, first.feature) == ("fail", "age"), first.reason
    assert f"It is a proxy of {column}" in first.reason
    assert second.verdict == "undecided", "no explanation uses a column that never varies"
    assert first.class_name in {c.name for c in results.classes}
