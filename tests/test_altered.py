"""What is not the same in two runs: model, data, the config key by key, software."""

from dataclasses import replace
from typing import Any

from change_cases import STEADY, run
from limekiln import altered
from limekiln.record import RunRecord

THEN = "model: {name: a}\nsample: {rows: 100, seed: 0}\ngates: [{rule: max_failed, value: 0.1}]\n"
NOW = (
    "model: {name: a}\nsample: {rows: 100}\ngates: [{rule: max_failed, value: 0.2}]\n"
    "explain: {masks: true, features: 1}\n"
)


def told(old: RunRecord, new: RunRecord) -> list[tuple[str, str, str | None, str | None]]:
    return [(a.part, a.what, a.old, a.new) for a in altered.between(old, new)]


def with_config(text: str, *overrides: str, **facts: Any) -> RunRecord:
    return run(STEADY, config_text=text, config_overrides=overrides, **facts)


def test_nothing_differs_between_a_run_and_itself_at_another_time() -> None:
    assert told(run(STEADY), run(STEADY, "later")) == []


def test_the_config_is_compared_by_keys_and_not_by_its_layout() -> None:
    assert told(with_config(THEN), with_config(NOW)) == [
        ("config", "sample.seed", "0", None),
        ("config", "gates[0].value", "0.1", "0.2"),
        ("config", "explain.masks", None, "true"),
        ("config", "explain.features", None, "1"),
    ]
    assert told(with_config("a: {b: 1}"), with_config("a:\n  b: 1 # one\n")) == []


def test_what_the_command_line_set_counts() -> None:
    same = with_config("sample: {rows: 50}")
    assert told(same, with_config("sample: {rows: 100}", "sample.rows=50")) == []
    assert told(same, with_config("sample: {rows: 50, seed: 1}", "sample={rows: 7}")) == [
        ("config", "sample.rows", "50", "7")
    ]


def test_a_config_that_is_no_yaml_is_compared_by_its_hash() -> None:
    found = told(with_config("a: b: c", config_sha256="0"), with_config("a: b: c", config_sha256="1"))
    assert found == [("config", "SHA-256", "0", "1")]


def test_model_data_and_software_by_their_facts() -> None:
    old = run(STEADY, model_sha256="aa", environment={"numpy": "2.0", "gone": "1"}, limekiln="1")
    new = run(STEADY, model_sha256="bb", environment={"numpy": "2.1"}, limekiln="2")
    data = new.results.data.model_copy(update={"rows": 7, "features": new.results.data.features[1:]})
    new = replace(new, results=new.results.model_copy(update={"data": data}))
    rows, first = f"{old.results.data.rows:,}", old.results.data.features[0]
    assert told(old, new) == [
        ("model", "SHA-256", "aa", "bb"),
        ("data", "rows", rows, "7"),
        ("data", f"column {first.name}", first.kind, None),
        ("software", "limekiln", "1", "2"),
        ("software", "numpy", "2.0", "2.1"),
        ("software", "gone", "1", None),
    ]


def test_a_long_value_is_cut() -> None:
    ((_, _, _, now),) = told(with_config("a: b"), with_config(f"a: {'x' * 1000}"))
    assert now == "x" * 299 + "…"
