"""limekiln from Python: `limekiln.run` for a config, `limekiln.explain` for a function and a DataFrame."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from limekiln import config as configs
from limekiln import kiln, stages, store, verification
from limekiln.bench import Bench
from limekiln.data import in_memory
from limekiln.drivers import Inputs
from limekiln.errors import InputError
from limekiln.evaluation import judge
from limekiln.evaluation.document import Evaluation
from limekiln.evaluation.retraining import Train
from limekiln.evaluation.user_training import SEEDS, Retrain
from limekiln.evidence import GateOutcome
from limekiln.fanout import executor
from limekiln.models import InMemory, Model
from limekiln.models.model import label_text
from limekiln.record import ALL_CLASSES, Results, RunRecord
from limekiln.report import html as html_report
from limekiln.report import pdf as pdf_report
from limekiln.report import view as report_view
from limekiln.settings import Settings
from limekiln.verification.document import Verification

_PERTURBATIONS: Final = 5000


@dataclass(frozen=True)
class Run:
    """A finished run. `folder` is None where nothing was written."""

    record: RunRecord
    folder: Path | None = None

    @property
    def results(self) -> Results:
        """What `results.json` holds."""
        return self.record.results

    @property
    def importances(self) -> pd.DataFrame:
        """Class importances, one row a class (`*` is all together), level, feature and value."""
        return self.record.tables["importances"]

    @property
    def picks(self) -> pd.DataFrame:
        """The representative rows of each scope, in pick order."""
        return self.record.tables["picks"]

    @property
    def gates(self) -> pd.DataFrame:
        """What the config's gates say of the run, one row a gate, in the config's order; empty where it has none.

        A gate that fails is no exception: `verdict` is "pass", "fail" or "undecided".
        """
        columns = list(GateOutcome.model_fields)
        return pd.DataFrame([outcome.model_dump() for outcome in self.results.gates], columns=columns)

    def local(self, row: object) -> pd.DataFrame:
        """One row's weights, heaviest first: feature, value, weight, for the class that it is predicted.

        Args:
            row: the row's id, or its position where the data have no id column.

        Raises:
            InputError: no explained row has this key.
        """
        table = self.record.tables["explanations"]
        if str(row) not in set(self.record.tables["rows"]["row"]):
            raise InputError(f"no explained row is called {str(row)!r}")
        mine = table[table["row"] == str(row)]
        heaviest = mine["weight"].abs().sort_values(ascending=False, kind="stable").index
        return mine.loc[heaviest, ["class", "feature", "value", "weight"]].reset_index(drop=True)

    def to_html(self, path: str | Path) -> Path:
        """Writes the report as one HTML file."""
        store.write_text(Path(path), html_report.render(report_view.build(self.record)))
        return Path(path)

    def to_pdf(self, path: str | Path) -> Path:
        """Writes the report as PDF.

        Raises:
            PdfUnavailableError: Pango is missing; the message names its packages.
        """
        view = report_view.build(self.record)
        store.write_bytes(
            Path(path), pdf_report.render(view, self.record.manifest.created, store.documents(self.record))
        )
        return Path(path)

    def _repr_html_(self) -> str:
        """A notebook's summary: the top features of each class."""
        facts = self.results
        head = f"<b>{html.escape(facts.model.name)}</b>: {facts.counts.explained:,} rows explained"
        rows = [
            f"<tr><td>{html.escape('all classes' if c.name == ALL_CLASSES else c.name)}</td><td>{c.rows:,}</td><td>"
            + html.escape(", ".join(f.feature for f in c.features[:3]))
            + "</td></tr>"
            for c in facts.classes
        ]
        columns = "<tr><th>class</th><th>rows</th><th>weighs most</th></tr>"
        return f"<div>{head}<table>{columns}{''.join(rows)}</table></div>"


def run(config: str | Path | Mapping[str, Any] | Settings) -> Run:
    """Runs a config and writes its run folder.

    Args:
        config: the path of a `config.yaml`, or its content as a mapping or as Settings; paths inside the
            latter two are relative to the working directory.

    Raises:
        InputError: config, data or model are wrong.
        RunError: the run could not be finished.
        PdfUnavailableError: everything but the PDF was written, since Pango is missing.
    """
    if isinstance(config, (str, Path)):
        loaded = configs.load(Path(config))
    else:
        content = config.model_dump(mode="json") if isinstance(config, Settings) else config
        loaded = configs.from_mapping(content, Path.cwd())
    finished = kiln.run(loaded)
    if finished.missing:
        raise finished.missing
    return Run(finished.record, finished.folder)


def evaluate(
    folder: str | Path,
    *,
    rows: int = judge.ROWS,
    train: Train | str | None = None,
    seeds: int = SEEDS,
    config_folder: str | Path | None = None,
) -> Evaluation:
    """Puts a stored run's ranking to the test, and writes nothing (docs/explanation/is-the-ranking-right.md).

    Args:
        folder: the run folder; its model and data are read again and must be the same.
        rows: rows of each class whose features are replaced.
        train: trains a model from scratch, or its name as "module:callable", a module beside the config. It is called
            with n rows (DataFrame), their labels (n,) and a seed, and gives a function from rows to predicted labels;
            features that are taken away hold one value throughout. None measures no retraining.
        seeds: how many models are trained of each kind.
        config_folder: what the config's paths are relative to, where the run folder was moved.

    Raises:
        InputError: the run is not of a table, or its model or data are gone or changed.
        RunError: the train function failed.
    """
    retrain = None if train is None else Retrain(train, seeds)
    where = None if config_folder is None else Path(config_folder)
    return judge.judge(Path(folder), rows=rows, retrain=retrain, config_folder=where)


def verify(
    path: str | Path,
    *,
    rows: int | Literal["all"] = verification.ROWS,
    seed: int | None = None,
    tolerance: float = verification.TOLERANCE,
    config_folder: str | Path | None = None,
    trust_templates: bool = False,
    public_key: str | Path | None = None,
) -> Verification:
    """Proves a stored run, and writes nothing (docs/how-to/verify-a-report.md).

    Args:
        path: the run folder, or a zip of it.
        rows: how many rows are explained again; 0 needs neither model nor data.
        seed: draws the rows; by default another one each time.
        tolerance: how far a weight may be off, as a share of its row's heaviest.
        config_folder: what the config's paths are relative to, where the run was moved.
        trust_templates: draw the reports again with the templates that the run brings along, which are code.
        public_key: a PEM file with the Ed25519 key whose signature there must be.

    Returns:
        Every check; `verdict` is "confirmed", "refuted" or "could not run".

    Raises:
        InputError: there is no run at `path`, or the public key cannot be read.
    """
    where = None if config_folder is None else Path(config_folder)
    return verification.verify(
        Path(path),
        rows=rows,
        seed=seed,
        tolerance=tolerance,
        config_folder=where,
        trust_templates=trust_templates,
        public_key=None if public_key is None else Path(public_key),
    )


def explain(
    predict: Callable[[Any], Any],
    rows: pd.DataFrame | Sequence[object] | np.ndarray,
    *,
    domain: str = "tabular",
    parts: Mapping[str, Any] | None = None,
    classes: Sequence[object] | None = None,
    target: Sequence[object] | pd.Series | None = None,
    output: str | None = None,
    background: pd.DataFrame | Sequence[object] | np.ndarray | None = None,
    categorical: Sequence[str] = (),
    perturbations: int | None = None,
    pool: str | None = None,
    features: int | None = None,
    discretizer: str = "quartile",
    compare_pools: bool = True,
    score: str = "weighted",
    budget: int = 8,
    seed: int = 0,
    name: str = "model",
) -> Run:
    """Explains every row of a DataFrame, or every text, image or series, and writes nothing.

    Args:
        predict: takes n rows (a DataFrame, a list of texts, an array of images or series) and gives (n, C)
            probabilities, or (n,) values for a regression.
        rows: what to explain: a DataFrame with the columns and types that `predict` takes, texts, images
            (encoded bytes or arrays (H, W[, C])), or series (T, C).
        domain: "tabular", "text", "images" or "sequences".
        parts: the config's section `data.text`, `data.images` or `data.sequences`, where it should differ.
        classes: the classes' names in the order of the columns that `predict` gives; None means regression.
        target: the true labels or values, compared with the predictions.
        output: "probability", "logit" or "value"; None is probability with classes and value without.
        background: rows that perturbations are drawn like; None means `rows`. Of tables and series.
        categorical: numeric columns whose numbers are codes.
        perturbations: perturbed rows, in the pool or for each row; None is 5,000 for tables, else 1,000.
        pool: "marginal" for one pool that all rows share, as tables do unless told otherwise; "none" for fresh
            perturbations of each row.
        features: how many features a local explanation keeps; None keeps all.
        discretizer: "quartile", "decile", "entropy" or "none".
        compare_pools: whether perturbed rows of a table are compared with real ones, to find a model that treats the
            two differently.
        score: "weighted" or "share", the NormLIME score that ranks.
        budget: representative rows in each pick.
        seed: all draws follow from it.
        name: the model's name in reports.

    Raises:
        InputError: the arguments or the rows are wrong.
        RunError: the model failed on too many rows.
    """
    output = output or ("value" if classes is None else "probability")
    names = [] if classes is None else [label_text(label) for label in classes]
    kind = "csv" if domain in {"tabular", "text"} else "numpy"
    content = {
        "model": {
            "name": name,
            "source": {"kind": "python", "path": "in_memory:predict", "classes": [] if output == "value" else names},
            "output": output,
            "outputs": names if output == "value" else [],
        },
        "data": {
            "domain": domain,
            "source": {"kind": kind, "path": "in memory"},
            "column": "text" if domain == "text" else None,
            "categorical": list(categorical),
            **({} if parts is None else {domain: parts}),
        },
        "sample": {"rows": "all", "stratify": "none", "seed": seed},
        "explain": {
            "pool": pool,
            "perturbations": perturbations or (_PERTURBATIONS if domain == "tabular" else None),
            "features": features,
            "discretizer": discretizer,
            "compare_pools": compare_pools,
        },
        "aggregate": {"score": score},
        "pick": {"budget": budget},
        "cluster": {"scheduler": "inline"},
    }
    loaded = configs.from_mapping(content, Path.cwd())
    settings = loaded.settings
    model = Model.from_function(predict, settings.model.output, () if classes is None else classes)
    data = in_memory(rows, settings.data, target)
    unknown = [column for column in categorical if column not in data.features.columns]
    if unknown:
        raise InputError(f"categorical: the frame has no column {unknown[0]!r}")
    inputs = Inputs(
        frame=data,
        background=data if background is None else in_memory(background, settings.data, None),
        model=model,
        ref=InMemory(model),
        folder=Path.cwd(),
    )
    inputs = kiln.tried(inputs, loaded.settings)
    with executor(loaded.settings.cluster) as workers:
        fired = stages.fire(inputs, loaded.settings, Bench(workers))
        started = datetime.now(UTC)
        manifest = kiln.make_manifest(loaded, inputs, fired, workers.description, ("in-memory", started))
        manifest = manifest.model_copy(update={"config_file": ""})
    return Run(RunRecord(fired.results, manifest, fired.tables))
