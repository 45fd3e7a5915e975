import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from limekiln import config
from limekiln.errors import ConfigError
from limekiln.settings import CsvSource, Settings, SkopsModel
from limekiln.settings.gates import PoolsAgree
from limekiln.yaml_tree import YamlProblem, read

SMALL = """\
model:
  name: Credit
  source: {kind: skops, path: m.skops}
data:
  source: {kind: csv, path: d.csv}
"""


MODEL_KINDS = '"http", "joblib", "keras", "mlflow", "onnx", "python", "skops" or "torch"'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str, *options: str) -> config.LoadedConfig:
    path = Path("config.yaml")
    path.write_text(text, encoding="utf-8")
    return config.load(path, options)


def refused(text: str, *options: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(text, *options)
    return str(caught.value)


def keys_of(schema: Mapping[str, Any], root: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    if "$ref" in schema:
        schema = {**root["$defs"][schema["$ref"].rsplit("/", 1)[1]], **schema}
    for branch in [schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())]:
        if branch is not schema:
            yield from keys_of(branch, root, path)
        for key, inner in branch.get("properties", {}).items():
            yield f"{path}{key}", inner
            yield from keys_of(inner, root, f"{path}{key}.")


def test_a_small_config_gets_the_defaults() -> None:
    loaded = load(SMALL)
    assert loaded.settings.model.name == "Credit"
    assert loaded.settings.perturbations == 20_000
    assert loaded.settings.pool == "marginal"
    assert loaded.settings.report.formats == ("html", "pdf")
    assert (loaded.path, loaded.folder, loaded.text) == (Path("config.yaml"), Path(), SMALL)


def test_the_hash_is_of_the_files_bytes() -> None:
    Path("config.yaml").write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    loaded = config.load(Path("config.yaml"))
    sum_ = subprocess.run(["sha256sum", "config.yaml"], capture_output=True, text=True, check=True)  # noqa: S607 - coreutils
    assert loaded.sha256 == sum_.stdout.split()[0]


def test_a_wrong_value_is_named_with_its_place_and_the_way_out() -> None:
    text = SMALL + "explain:\n  perturbations: many\n"
    assert refused(text) == 'config.yaml:7:18: explain.perturbations: expected an integer ≥ 50 or null, got "many"'


def test_all_errors_are_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        SMALL.replace("path: m.skops", "path: 3") + "sample:\n  rows: lots\n  sed: 1\nreport: {formats: [html, doc]}\n"
    )
    assert refused(text).splitlines() == [
        "config.yaml:3:31: model.source.path: expected a text that is not empty, got 3; put it in quotes",
        'config.yaml:7:9: sample.rows: expected an integer ≥ 1 or "all", got "lots"',
        "config.yaml:8:3: sample.sed: unknown key; did you mean seed?",
        'config.yaml:9:26: report.formats[1]: expected "html" or "pdf", got "doc"',
    ]


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("perturbations: 9\n", "6:1: perturbations: unknown key here; did you mean explain.perturbations?"),
        ("pick:\n", "6:1: pick: expected a map of keys and values, got nothing"),
        ("sample: {seed: 1.0}\n", "6:16: sample.seed: expected an integer ≥ 0, got 1.0; write 1"),
        ("sample: {seed: true}\n", "6:16: sample.seed: expected an integer ≥ 0, got true"),
        ("pick: {per_class: yes}\n", '6:19: pick.per_class: expected true or false, got "yes"'),
        (
            "explain: {max_failed_fraction: .nan}\n",
            "6:32: explain.max_failed_fraction: expected a number ≥ 0 and ≤ 1, got nan",
        ),
        ("explain: {kernel_width: .inf}\n", "6:25: explain.kernel_width: expected a number > 0 or null, got inf"),
        (
            "explain: {discretizer: quartiles}\n",
            (
                '6:24: explain.discretizer: expected "quartile", "decile", "entropy" or "none", got "quartiles"; '
                'did you mean "quartile"?'
            ),
        ),
        (
            "report: {formats: pdf}\n",
            '6:19: report.formats: expected a list of "html" or "pdf", got "pdf"; write ["pdf"]',
        ),
        (
            "cluster: {scheduler: 'http://x'}\n",
            '6:22: cluster.scheduler: expected "inline", "local", "tcp://…" or "tls://…", got "http://x"',
        ),
        (
            "explain: {perturbations: 99999999999}\n",
            "6:26: explain.perturbations: expected an integer ≥ 50 and ≤ 10000000 or null, got 99999999999",
        ),
    ],
)
def test_messages_of_single_values(added: str, message: str) -> None:
    assert refused(SMALL + added) == f"config.yaml:{message}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{path: m}", f"3:3: model.source.kind: missing; expected {MODEL_KINDS}"),
        (
            "{kind: skop, path: m}",
            f'3:18: model.source.kind: expected {MODEL_KINDS}, got "skop"; did you mean "skops"?',
        ),
        (
            "{kind: onxx, path: m}",
            f'3:18: model.source.kind: expected {MODEL_KINDS}, got "onxx"; did you mean "onnx"?',
        ),
        (
            "{kind: onnx, path: m, classes: [a, b], activation: relu}",
            '3:62: model.source.activation: expected "none", "softmax" or "sigmoid", got "relu"',
        ),
        (
            "{kind: torch, path: m, classes: [a, b], trusted: yes, module: net}",
            (
                '3:60: model.source.trusted: expected true or false, got "yes"\n'
                'config.yaml:3:73: model.source.module: expected a text like "module:callable" or null, got "net"'
            ),
        ),
        (
            "{kind: mlflow, path: m}",
            "3:3: model.source.trusted: missing; must be true: loading an MLflow model runs the code inside it",
        ),
        (
            "{kind: http, url: 'ftp://x', classes: [a, b]}",
            '3:29: model.source.url: expected "http://…" or "https://…", got "ftp://x"',
        ),
        ("m.skops", '3:11: model.source: expected keys such as kind and path, got "m.skops"'),
        (
            "{kind: skops, paths: m}",
            (
                "3:3: model.source.path: missing; the file, relative to the config's folder\n"
                "config.yaml:3:25: model.source.paths: unknown key; did you mean path?"
            ),
        ),
        (
            "{kind: joblib, path: m, sha256: ABC, trusted: false}",
            (
                '3:43: model.source.sha256: expected 64 hexadecimal digits in lower case, got "ABC"\n'
                "config.yaml:3:57: model.source.trusted: expected true, got false"
            ),
        ),
        (
            "{kind: python, path: m.py, classes: [0, b]}",
            (
                '3:32: model.source.path: expected a text like "module:callable", got "m.py"\n'
                "config.yaml:3:48: model.source.classes[0]: expected a text, got 0; put it in quotes"
            ),
        ),
    ],
)
def test_a_model_source_is_explained_by_its_kind(source: str, message: str) -> None:
    assert refused(SMALL.replace("{kind: skops, path: m.skops}", source)) == f"config.yaml:{message}"


RULES = (
    '"max_failed", "max_rank", "max_rank_noise", "max_share", "min_fidelity", "min_trusted", '
    '"must_not_be_decided_above", "pools_agree" or "stable_since_last"'
)


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        (
            "[{rule: pool_agrees}]",
            f'16: gates[0].rule: expected {RULES}, got "pool_agrees"; did you mean "pools_agree"?',
        ),
        ("[{rule: {a: b}}]", f"16: gates[0].rule: expected {RULES}, got keys and values"),
        ("[{allow_suspicious: true}]", f"9: gates[0].rule: missing; expected {RULES}"),
        ("[pools_agree]", '9: gates[0]: expected keys such as rule, got "pools_agree"; write {rule: pools_agree}'),
        ("[7]", "9: gates[0]: expected keys such as rule, got 7"),
        (
            "pools_agree",
            (
                '8: gates: expected a list of entries with keys such as rule, got "pools_agree"; '
                "write [{rule: pools_agree}]"
            ),
        ),
        ("strict", '8: gates: expected a list of entries with keys such as rule, got "strict"'),
        ("[{rule: pools_agree, allow: true}]", "29: gates[0].allow: unknown key; expected allow_suspicious or rule"),
        (
            "[{rule: pools_agree, allow_suspicious: 1}]",
            "47: gates[0].allow_suspicious: expected true or false, got 1",
        ),
        ("[{rule: max_rank, below: 5}]", "9: gates[0].feature: missing; the feature"),
        ("[{rule: max_rank, feature: a, below: 0}]", "45: gates[0].below: expected an integer ≥ 1, got 0"),
        (
            "[{rule: max_failed, value: 0.01, feature: a}]",
            "41: gates[0].feature: unknown key; expected rule or value",
        ),
        (
            "[{rule: max_rank, feature: a, below: 5, class_: b}]",
            "48: gates[0].class_: unknown key; did you mean class?",
        ),
        ("[{rule: stable_since_last, ndcg: 2}]", "41: gates[0].ndcg: expected a number ≥ 0 and ≤ 1, got 2"),
        (
            "[{rule: stable_since_last, first_run: fail}]",
            '46: gates[0].first_run: expected "pass" or "undecided", got "fail"',
        ),
        (
            "[{rule: max_failed, value: 0.2}]",
            "35: gates[0].value: 0.2 is more than explain.max_failed_fraction (0.05), above which the run fails",
        ),
        (
            "[{rule: must_not_be_decided_above, above: 2}]",
            "9: gates[0].columns: missing; name columns, or proxies_of, the column whose proxies are meant",
        ),
        (
            "[{rule: must_not_be_decided_above, columns: [a], above: a}]",
            '64: gates[0].above: "a" is among the columns that must not rank above it',
        ),
        (
            "[{rule: must_not_be_decided_above, columns: [a], above: 1, association: 0.5}]",
            "80: gates[0].association: is of proxies_of, which names no column; set one or remove the other",
        ),
        ("[{rule: pools_agree}, {rule: pools_agree}]", "30: gates[1]: the same gate as gates[0]; remove one of them"),
    ],
)
def test_a_gate_that_is_wrong_is_named_with_its_place(gates: str, message: str) -> None:
    assert refused(f"{SMALL}gates: {gates}\n") == f"config.yaml:6:{message}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["explain.compare_pools=false"], '"pools_agree" needs explain.compare_pools: true, which does the comparing'),
        (["data.domain=text", "data.column=words"], '"pools_agree" is for tables; data.domain is text'),
    ],
)
def test_a_gate_that_nothing_could_judge_is_refused(options: list[str], message: str) -> None:
    text = f"{SMALL}gates:\n  - {{rule: pools_agree, allow_suspicious: true}}\n"
    assert refused(text, *options) == f"config.yaml:7:12: gates[0].rule: {message}"


@pytest.mark.parametrize(
    ("options", "key", "message"),
    [
        (
            ["data.domain=text", "data.column=words"],
            "rule",
            '"must_not_be_decided_above" is for tables; data.domain is text',
        ),
        (["explain.method=kernelshap"], "above", "kernelshap has no noise floor; name a feature or a rank"),
    ],
)
def test_a_reference_that_nothing_could_give_is_refused(options: list[str], key: str, message: str) -> None:
    text = f"{SMALL}gates:\n  - {{rule: must_not_be_decided_above, columns: [a], above: noise}}\n"
    assert refused(text, *options).split(f"gates[0].{key}: ")[-1] == message


def test_gates_may_come_from_an_option_and_none_are_asked_for_by_default() -> None:
    assert load(SMALL).settings.gates == ()
    (gate,) = load(SMALL, "gates=[{rule: pools_agree}]").settings.gates
    assert isinstance(gate, PoolsAgree)
    assert (gate.rule, gate.allow_suspicious) == ("pools_agree", False)
    assert config.from_mapping(load(SMALL, "gates=[{rule: pools_agree}]").settings, Path()).settings.gates == (gate,)


def test_the_class_of_a_gate_keeps_its_name_through_python() -> None:
    loaded = load(SMALL, "gates=[{rule: max_rank, feature: a, below: 5, class: bad}]")
    assert loaded.settings.model_dump()["gates"][0]["class"] == "bad"
    assert config.from_mapping(loaded.settings, Path()).settings == loaded.settings
    assert config.from_mapping(loaded.settings.model_dump(mode="json"), Path()).settings == loaded.settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["explain.selection=lasso_path"],
            (
                'explain.selection: "lasso_path" needs explain.features, how many features to keep; '
                'or set it to "auto" or "none"'
            ),
        ),
        (
            ["explain.features=3", "explain.selection=none"],
            'explain.features: explain.selection is "none", which keeps every feature; set one of the two',
        ),
        (["sample.stratify=target"], 'sample.stratify: "target" needs data.target, the column with the true label'),
        (["data.target=a", "data.id=a"], 'data.id: data.target is "a" too; a column has one role'),
        (
            ["data.redact={a: hash}"],
            'data.redact_key_env: missing; "a" is hashed, and the key is in an environment variable',
        ),
        (
            ["data.target=a", "data.redact={a: drop}"],
            (
                'data.redact: "a" cannot be told by drop: a report compares predictions with it; name it in '
                "data.exclude instead of data.target"
            ),
        ),
        (
            ["data.redact={a: drop}", "sample.stratify=a"],
            'sample.stratify: data.redact drops "a", and strata are told by their column',
        ),
        (
            ["data.redact={a: drop}", "gates=[{rule: max_rank, feature: a, below: 1}]"],
            'gates[0].feature: data.redact drops "a", and a gate is told by its columns; mask it instead',
        ),
        (
            ["data.target=a", "data.categorical=[a]"],
            'data.categorical: data.target keeps "a" from the model, so it is no category',
        ),
        (
            ["model.source={kind: python, path: 'm:f'}"],
            (
                "model.source.classes: expected at least two class names, in the order of the output's columns; "
                "or set model.output: value"
            ),
        ),
        (
            ["model.source={kind: python, path: 'm:f', classes: [a, b]}", "model.output=value"],
            "model.source.classes: a model with output: value has no classes; remove them, or set output: probability",
        ),
        (
            ["model.source={kind: onnx, path: m}"],
            (
                "model.source.classes: expected at least two class names, in the order of the output's columns; "
                "or set model.output: value"
            ),
        ),
        (
            ["model.source={kind: torch, path: m, classes: [a, b]}", "model.output=value"],
            "model.source.classes: a model with output: value has no classes; remove them, or set output: probability",
        ),
        (["model.source={kind: keras, path: m, classes: [a, a]}"], 'model.source.classes: "a" stands twice'),
        (
            ["model.source={kind: mlflow, path: m, trusted: true, classes: [a]}"],
            (
                "model.source.classes: expected at least two class names, in the order of the output's columns; "
                "or set model.output: value"
            ),
        ),
        (
            ["model.source={kind: http, url: 'http://me:hush@x/y', classes: [a, b]}"],
            ("model.source.url: holds a user or a password; name the variable of a bearer token in token_env instead"),
        ),
        (
            ["model.source={kind: http, url: 'http://x/y', classes: [a, b], result: z}"],
            "model.source.result: an MLflow scoring server gives one output; remove it, or set protocol: kserve-v2",
        ),
        (["model.output=value", "model.outputs=[a, a]"], 'model.outputs: "a" stands twice'),
        (
            ["model.outputs=[a]"],
            "model.outputs: names values; a model that gives classes names them in model.source.classes",
        ),
        (
            ["model.unit=EUR"],
            "model.unit: a model with output: probability has no unit; remove it, or set output: value",
        ),
        (
            ["model.output=logit", "model.unit=EUR"],
            "model.unit: a model with output: logit has no unit; remove it, or set output: value",
        ),
        (["data.groups={home: [a]}"], "data.groups.home: expected at least two columns"),
        (["data.groups={home: [a, b], b.c: [b, d]}"], 'data.groups: "b" stands twice; a column belongs to one group'),
        (["data.groups={home: [a, b, a]}"], 'data.groups: "a" stands twice; a column belongs to one group'),
        (
            ["data.target=a", "data.groups={home: [a, b]}"],
            'data.groups.home: data.target keeps "a" from the model, so it is in no group',
        ),
        (
            ["data.id=a", "data.groups={home: [a, b]}"],
            'data.groups.home: data.id keeps "a" from the model, so it is in no group',
        ),
        (
            ["data.exclude=[a]", "data.groups={home: [a, b]}"],
            'data.groups.home: data.exclude keeps "a" from the model, so it is in no group',
        ),
        (["data.groups={home: a}"], 'data.groups.home: expected a list of texts, got "a"; write ["a"]'),
        (["data.groups={home: [a, 1]}"], "data.groups.home[1]: expected a text, got 1; put it in quotes"),
        (["data.groups=[a]"], "data.groups: expected a map of keys and values, got a list"),
        (
            ["data.column=a"],
            "data.column: names the column of a text or an image; a table's columns are all features",
        ),
        (["data.domain=text"], "data.column: missing; the column that holds the text"),
        (["data.domain=images"], "data.column: missing; the column that holds the images"),
        (
            ["data.domain=text", "data.column=a", "data.categorical=[b]"],
            "data.categorical: is for tables; data.domain is text",
        ),
        (
            ["data.domain=text", "data.column=a", "data.exclude=[b]"],
            "data.exclude: is for tables; data.domain is text",
        ),
        (
            ["data.domain=text", "data.column=a", "data.groups={home: [b, c]}"],
            "data.groups: is for tables; data.domain is text",
        ),
        (
            ["data.domain=text", "data.column=a", "data.background={kind: csv, path: b.csv}"],
            "data.background: is for tables and sequences; data.domain is text",
        ),
        (
            ["data.source={kind: folder, path: photos}"],
            'data.source.kind: "folder" holds images; set data.domain: images',
        ),
        (
            ["data.domain=text", "data.source={kind: folder, path: letters}"],
            'data.source.kind: "folder" holds no texts; expected csv, parquet, jsonl or sql',
        ),
        (
            ["data.domain=sequences", "data.column=a"],
            'data.source.kind: "csv" holds no series; expected numpy, parquet or jsonl',
        ),
        (["data.source={kind: sql, query: SELECT 1}"], "data.source.url: expected one of url and url_env"),
        (
            ["data.source={kind: sql, query: SELECT 1, url: 'sqlite:///a.db', url_env: A}"],
            "data.source.url: expected one of url and url_env",
        ),
        (["data.images.size=[0, 9]"], "data.images.size[0]: expected an integer ≥ 1, got 0"),
        (
            ["data.images.size=[1, 2, 3]"],
            "data.images.size: expected [an integer ≥ 1, an integer ≥ 1] or null, got a list",
        ),
        (["data.images.grid=[8, b]"], 'data.images.grid[1]: expected an integer ≥ 1, got "b"'),
        (
            ["data.text.tokens=word"],
            (
                'data.text.tokens: expected "words", "characters" or a text like "module:callable", got "word"; '
                'did you mean "words"?'
            ),
        ),
        (
            ["explain.pool=marginal", "data.domain=text", "data.column=a"],
            "explain.pool: the perturbations of text contain the row, so rows cannot share them; remove it",
        ),
        (["explain.pool=some"], 'explain.pool: expected "marginal", "data", "none" or null, got "some"'),
        (["data.source.names=[a, a]"], 'data.source.names: "a" stands twice'),
        (["report.formats=[pdf, pdf]"], 'report.formats: "pdf" stands twice'),
        (
            ["data.source.encoding=hex"],
            'data.source.encoding: expected the name of a text encoding, such as utf-8 or latin-1, got "hex"',
        ),
        (["data.source.sep=ab"], 'data.source.sep: expected a single character, got "ab"'),
    ],
)
def test_settings_that_do_not_go_together(options: list[str], message: str) -> None:
    assert refused(SMALL, *options).endswith(f": {message}")


OTHER_DOMAINS = {
    "text": ["data.domain=text", "data.column=words"],
    "images": ["data.domain=images", "data.source={kind: folder, path: photos}"],
    "sequences": ["data.domain=sequences", "data.source={kind: numpy, path: series.npy}"],
}


@pytest.mark.parametrize(
    ("options", "pool", "perturbations"),
    [
        ([], "marginal", 20_000),
        (["explain.pool=none"], "none", 5_000),
        (["explain.pool=marginal"], "marginal", 20_000),
        (["explain.pool=none", "explain.perturbations=70"], "none", 70),
        (["explain.perturbations=70"], "marginal", 70),
        *((options, "none", 1_000) for options in OTHER_DOMAINS.values()),
        ([*OTHER_DOMAINS["text"], "explain.perturbations=70"], "none", 70),
        ([*OTHER_DOMAINS["text"], "explain.pool=none"], "none", 1_000),
    ],
)
def test_pool_and_perturbations_have_the_domains_defaults(options: list[str], pool: str, perturbations: int) -> None:
    loaded = load(SMALL, *options).settings
    assert (loaded.pool, loaded.perturbations) == (pool, perturbations)


@pytest.mark.parametrize(
    "options",
    [
        *OTHER_DOMAINS.values(),
        ["data.domain=images", "data.column=file", "data.images.size=[224, 224]", "data.images.hide='#7f7f7f'"],
        ["data.domain=text", "data.column=a", "data.text.tokens=mine:tokens"],
        ["data.domain=text", "data.column=a", "data.source={kind: sql, query: SELECT 1, url_env: DATABASE}"],
        ["data.groups={home: [street, town], 'a.b': [c, d]}"],
        ["model.output=value", "model.outputs=[low, high]", "model.unit=EUR"],
        ["model.output=value", "model.source={kind: onnx, path: m}"],
        ["model.output=logit", "model.source={kind: torch, path: m, classes: [a, b], module: 'net:Net'}"],
        ["model.source={kind: mlflow, path: m, trusted: true}"],
        ["model.source={kind: keras, path: m.keras, classes: [a, b], activation: softmax}"],
        ["model.source={kind: http, url: 'https://host/v2/models/m/infer', protocol: kserve-v2, classes: [a, b]}"],
        ["model.source={kind: python, path: 'm:f', factory: true, classes: [a, b]}"],
        ["data.domain=sequences", "data.source={kind: parquet, path: s.parquet}", "data.column=s"],
    ],
    ids=" ".join,
)
def test_every_kind_of_data_and_model_can_be_set(options: list[str]) -> None:
    loaded = load(SMALL, *options)
    assert config.from_mapping(loaded.settings, Path()).settings == loaded.settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the file holds no settings; `limekiln init` writes a config to start from"),
        ("# nothing\n", "1:1: the file holds no settings; `limekiln init` writes a config to start from"),
        ("- a\n", "1:1: expected keys such as model and data, got a list"),
        ("model:\n\tname: x\n", "2:1: a tab cannot indent YAML; use blanks"),
        ("a: 'x\nb: 2\n", "1:4: the quote that opens here is never closed"),
        ("a: 1\nb: 2\na: 3\n", '3:1: the key "a" stands twice, first on line 1'),
        ("a: &x 1\n", "1:4: an anchor (&x) is not allowed in a config; write the value where it is used"),
        ("a: *x\n", "1:4: an alias (*x) is not allowed in a config; write the value out"),
        (
            "a: !!python/object/apply:os.system [id]\n",
            (
                "1:4: a tag (tag:yaml.org,2002:python/object/apply:os.system) is not allowed in a config; "
                "write the plain value"
            ),
        ),
        ("a: 1\n---\nb: 1\n", "2:1: a second document; a config is one document"),
        ("[[1]]: 2\n", "1:1: a key must be a single word or text"),
        ("a: " + "[" * 30, "1:24: nested more than 20 levels deep"),
        ("a: \x00", "1:4: the character U+0000 is not allowed in YAML"),
        ('a: "\\ud800"', "1:4: the character U+D800 is not allowed in a text"),
        ("a: " + "9" * 5000, "1:4: a number with too many digits"),
        ("a: b: c\n", "1:5: not valid YAML: mapping values are not allowed here"),
    ],
)
def test_text_that_is_no_config(text: str, message: str) -> None:
    assert refused(text) == f"config.yaml:{message}"


def test_a_billion_laughs_are_refused_at_the_first() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    assert refused(bomb).startswith("config.yaml:1:4: an anchor")


def test_files_that_cannot_be_read(folder: Path) -> None:
    Path("config.yaml").write_bytes(b"model:\n  name: caf\xe9\n")
    with pytest.raises(
        ConfigError, match=re.escape("config.yaml:2:12: byte 0xe9 is not UTF-8; save the file as UTF-8")
    ):
        config.load(Path("config.yaml"))
    with pytest.raises(
        ConfigError, match=r"^confg.yaml: no such file; did you mean config.yaml\?; `limekiln init` writes"
    ):
        config.load(Path("confg.yaml"))
    with pytest.raises(ConfigError, match="is a folder; name the config file in it"):
        config.load(folder)
    Path("config.yaml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(ConfigError, match="larger than 1,000,000 bytes"):
        config.load(Path("config.yaml"))


def test_options_win_over_the_file_and_are_kept() -> None:
    options = ("sample.rows=all", "explain.features=5", "report.owner=Risk")
    loaded = load(SMALL + "sample: {rows: 5}\nexplain:\n", *options)
    assert loaded.settings.sample.rows == "all"
    assert loaded.settings.explain.features == 5
    assert loaded.settings.report.owner == "Risk"
    assert loaded.overrides == options
    assert "rows: 5" in loaded.text


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("rows", "--set rows: expected key=value, such as sample.rows=100"),
        ("=1", "--set =1: expected key=value, such as sample.rows=100"),
        ("a..b=1", "--set a..b=1: expected key=value, such as sample.rows=100"),
        ("model.name.x=1", "--set model.name.x=1: model.name has no keys that could be set"),
        ("model.name.x.y=1", "--set model.name.x.y=1: there are no keys under which x could be set"),
        ("sample.rows=lots", '--set sample.rows=lots: sample.rows: expected an integer ≥ 1 or "all", got "lots"'),
        ("a.b=1", "--set a.b=1: a: unknown key; expected "),
        ("pick.budget={", "--set pick.budget={: not valid YAML: "),
    ],
)
def test_errors_of_options_name_the_option(option: str, message: str) -> None:
    assert refused(SMALL, option).startswith(message)


def test_an_option_can_mend_the_file() -> None:
    assert load(SMALL + "sample: {rows: lots}\n", "sample.rows=7").settings.sample.rows == 7


def test_a_mapping_gives_the_same_settings_as_its_text(folder: Path) -> None:
    values = {
        "model": {"name": "ä: b", "version": "1.0", "source": {"kind": "skops", "path": Path("m.skops")}},
        "data": {"source": {"kind": "csv", "path": "d.csv", "sep": "\t", "names": ["no", "1", "a: b", ""]}},
        "sample": {"rows": np.int64(3)},
    }
    loaded = config.from_mapping(values, folder)
    assert loaded.settings.sample.rows == 3
    assert load(loaded.text).settings == loaded.settings
    assert load(loaded.text).sha256 == loaded.sha256
    assert config.from_mapping(loaded.settings, folder) == loaded
    assert loaded.folder == folder


def test_errors_of_a_mapping_have_no_line() -> None:
    with pytest.raises(ConfigError, match=r"^config: sample.rows: expected an integer ≥ 1 or \"all\", got 0$"):
        config.from_mapping({"sample": {"rows": 0}, **dict(YAML(typ="safe").load(SMALL))}, Path())
    with pytest.raises(
        ConfigError, match=r"^config: model: expected a text, a number, a list or a dict, got a value of type"
    ):
        config.from_mapping({"model": object()}, Path())


def test_the_starter_is_a_config_of_defaults_with_every_key_explained() -> None:
    text = config.starter()
    loaded = load(text)
    smallest = {
        "model": {"name": loaded.settings.model.name, "source": {"kind": "skops", "path": "model.skops"}},
        "data": {"source": {"kind": "csv", "path": "data.csv"}},
    }
    assert loaded.settings == config.from_mapping(smallest, Path()).settings
    there = {name for name, _ in keys_of(config.schema(), config.schema())}
    chosen = {"model.source": set(SkopsModel.model_fields), "data.source": set(CsvSource.model_fields)}
    elsewhere = {
        name
        for name in there
        for source, kind in chosen.items()
        if name.startswith(f"{source}.") and name.removeprefix(f"{source}.") not in kind
    }
    elsewhere |= {name for name in there if name.startswith("data.background.")}
    assert there - elsewhere == set(flat(YAML(typ="safe").load(text)))


def flat(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield f"{path}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{path}{key}.")


def test_the_schema_says_what_every_key_means() -> None:
    schema = config.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "limekiln config"
    silent = [
        name for name, inner in keys_of(schema, schema) if not name.endswith("kind") and not described(inner, schema)
    ]
    assert silent == []
    jsonschema.validate(YAML(typ="safe").load(config.starter()), schema)


def described(inner: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if "$ref" in inner:
        inner = {**root["$defs"][inner["$ref"].rsplit("/", 1)[1]], **inner}
    return bool(inner.get("description"))


def test_reading_a_config_imports_nothing_heavy() -> None:
    code = "import sys, limekiln.config; print([m for m in ('numpy', 'pandas', 'sklearn', 'dask') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


KEYS = (
    st.sampled_from([*Settings.model_fields, "source", "kind", "path", "rows", "features", "names", "0", "é"])
    | st.text()
)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["csv", "skops", "python"])
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
YAMLISH = st.text(alphabet=st.sampled_from(list("ab:-?[]{}#&*!|>'\"%@`\t\n ,.~0x\\uU\x85\u2028é")), max_size=60)


PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure


def survives(data: bytes, folder: Path) -> None:
    path = folder / "any.yaml"
    path.write_bytes(data)
    try:
        config.load(path)
    except ConfigError as error:
        assert str(error).startswith(str(path))  # noqa: PT017 - most texts are refused, a few may be configs


@PATIENT
@given(st.binary() | st.text().map(lambda t: t.encode("utf-8", "surrogatepass")) | YAMLISH.map(str.encode))
def test_no_bytes_make_it_fall(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    survives(data, tmp_path_factory.getbasetemp())


@PATIENT
@given(st.sampled_from(["model", "data", "sample", "explain.features", "data.source"]), YAMLISH)
def test_no_value_of_an_option_makes_it_fall(key: str, text: str) -> None:
    path = Path(__file__).with_name("none.yaml")
    document = config._Document(str(path), read(SMALL), read(SMALL).value)
    try:
        document.override(f"{key}={text}")
        config._validated(document)
    except ConfigError as error:
        assert key in str(error)  # noqa: PT017 - either is right, a traceback is not


PLACES = sorted(
    {name for name, _ in keys_of(config.schema(), config.schema())} | {"new", "data.new", "sample.rows.new"}
)


@PATIENT
@given(st.lists(st.tuples(st.sampled_from(PLACES), TREES), min_size=1, max_size=3))
def test_no_values_anywhere_make_it_fall(changes: list[tuple[str, Any]]) -> None:
    values: dict[str, Any] = YAML(typ="safe").load(config.starter())
    for place, value in changes:
        *sections, key = place.split(".")
        section = values
        for name in sections:
            inner = section.get(name)
            section[name] = section = inner if isinstance(inner, dict) else {}
        section[key] = value
    try:
        config.from_mapping(values, Path())
    except ConfigError as error:
        assert all(line.startswith("config: ") for line in str(error).split("\n"))  # noqa: PT017 - as above


@PATIENT
@given(TREES)
def test_plain_values_written_as_yaml_are_read_back(value: Any) -> None:
    text = json.dumps({"a": value}, ensure_ascii=True)
    try:
        tree = read(text)
    except YamlProblem:
        return
    assert same(tree.value, {"a": value})


def same(found: Any, written: Any) -> bool:
    if isinstance(written, dict):
        return (
            isinstance(found, dict)
            and found.keys() == written.keys()
            and all(same(found[k], written[k]) for k in found)
        )
    if isinstance(written, list):
        return isinstance(found, tuple) and len(found) == len(written) and all(map(same, found, written))
    if isinstance(written, float) and not np.isfinite(written):
        return bool(found == {np.inf: "Infinity", -np.inf: "-Infinity"}.get(written, "NaN"))
    return bool(found == written and type(found) is type(written))
