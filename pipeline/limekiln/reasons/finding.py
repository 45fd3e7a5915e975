"""A stored run's rows of a class → candidate reasons, from the run folder alone."""

from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from limekiln import config as configs
from limekiln import reopen, seal, store
from limekiln.errors import ConfigError, InputError
from limekiln.reasons import codes as code_tables
from limekiln.reasons import contributions
from limekiln.reasons.codes import CodeTable
from limekiln.reasons.contributions import Compared, Weights
from limekiln.reasons.document import Reason, Reasons, Reference, RowReasons
from limekiln.record import ALL_CLASSES, RunRecord
from limekiln.values import Array, Mask

TOP: Final = 4
OTHERWISE: Final = "otherwise"
CLOSE: Final = "close"
EVERY: Final = "all"
_CLOSE_QUANTILE: Final = 0.25
_FEW: Final = 20
_USABLE: Final = "usable"


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        class_name: the adverse class.
        top: how many reasons a row has at most.
        rows: how many rows of the class, the first ones; None for all.
        reference: `otherwise`, `close`, `all`, a class, or a file of row names.
        codes: the code table's file.
    """

    class_name: str
    top: int = TOP
    rows: int | None = None
    reference: str = OTHERWISE
    codes: Path | None = None


@dataclass(frozen=True)
class _Judged:
    """What every row is judged by: which features (F,), in the class's ranking, may be reasons, and which are noise."""

    weights: Weights
    compared: Compared
    allowed: Mask
    noise: Mask
    indifference: float
    codes: CodeTable | None


def find(folder: Path, asked: Asked) -> Reasons:
    """Candidate reasons for the rows that a stored run predicts a class.

    Raises:
        InputError: the run, the class, the reference or the code table are not such that reasons could be found.
    """
    record = store.read(folder)
    reopen.check_files(folder, record.manifest)
    classes = _check(record, asked)
    rows = record.tables["rows"]
    mine = (rows["class"] == asked.class_name).to_numpy()
    if not mine.any():
        raise InputError(f"{folder}: no row is predicted {asked.class_name!r}; there is nothing to give reasons for")
    names = tuple(_ranking(record, asked.class_name)["feature"])
    weights = contributions.of_table(record.tables["explanations"], rows["row"], names)
    table, notes = _codes(asked, weights)
    reference, told = _reference(rows, mine, asked, classes)
    effect = contributions.effects(weights, centred=record.results.method.method == "kernelshap")
    compared = contributions.compare(weights, effect, mine, reference, two_classes=len(classes) == 2)  # noqa: PLR2004
    judged = _judged(record, asked, weights, compared, table)
    positions = np.flatnonzero(mine)[: asked.rows]
    found = tuple(_row(rows.iloc[p], judged, i, int(p), asked.top) for i, p in enumerate(positions))
    used = Counter(r.feature for row in found for r in row.reasons if r.code is None)
    unknown = compared.known < contributions.COMPARABLE
    return Reasons(
        run_id=record.manifest.run_id,
        model=record.results.model.name,
        results_sha256=seal.sha256(folder / store.RESULTS),
        explanations_sha256=seal.sha256(folder / "explanations.parquet"),
        codes_sha256=None if table is None else table.sha256,
        class_name=asked.class_name,
        unit=f"probability of {asked.class_name}",
        top=asked.top,
        rows_of_class=int(mine.sum()),
        reference=told,
        floor_measured=bool(_ranking(record, asked.class_name)["above_floor"].notna().any()),
        below_floor=tuple(n for n, below in zip(names, judged.noise, strict=True) if below),
        not_compared=tuple(n for n, u in zip(names, unknown, strict=True) if u),
        without_code=() if table is None else tuple(name for name, _ in used.most_common()),
        notes=(*notes, *_notes(told), *_of_background(record)),
        rows=found,
    )


def _check(record: RunRecord, asked: Asked) -> list[str]:
    """The run's classes, where reasons can be given for one of them."""
    results = record.results
    if results.data.domain != "tabular":
        raise InputError(
            "reasons need a run of a table: parts of texts, images and series are not the same in each row"
        )
    if results.model.task != "classification":
        raise InputError("reasons need a run of a classification: a value has no class that could be adverse")
    if results.method.features is not None:
        raise InputError(
            f"the run kept {results.method.features} features of each row, and reasons weigh all of them against the "
            "reference; run again with explain.features: null"
        )
    lime = results.method.method == "lime"
    if lime and results.method.discretizer == "none" and any(f.kind == "continuous" for f in results.data.features):
        raise InputError(
            'the run took numbers as numbers (explain.discretizer: "none"), and its folder does not hold the rows\' '
            "values that its slopes are for; run again with quartile, decile or entropy"
        )
    classes = [c.name for c in results.classes if c.name != ALL_CLASSES]
    if asked.class_name not in classes:
        raise InputError(f"--class: the model has no class {asked.class_name!r}; {_hint(asked.class_name, classes)}")
    return classes


def _hint(name: str, names: list[str]) -> str:
    near = get_close_matches(name.lower(), [n.lower() for n in names], n=1)
    meant = next((n for n in names if near and n.lower() == near[0]), None)
    return f'did you mean "{meant}"?' if meant else f"it has {', '.join(names[:10])}"


def _ranking(record: RunRecord, class_name: str) -> pd.DataFrame:
    """The features' lines of the class, in rank order."""
    table = record.tables["importances"]
    lines = table[(table["class"] == class_name) & (table["level"] == "feature")].sort_values("rank", kind="stable")
    return lines.reindex(columns=table.columns.union(["above_floor"]))


def _codes(asked: Asked, weights: Weights) -> tuple[CodeTable | None, list[str]]:
    if asked.codes is None:
        return None, []
    found = code_tables.read(asked.codes)
    values = {
        name: {weights.labels[v] for v in np.unique(weights.values[:, f]) if v >= 0}
        for f, name in enumerate(weights.features)
    }
    return found, code_tables.check(found, asked.codes, values)


def _reference(rows: pd.DataFrame, mine: Mask, asked: Asked, classes: list[str]) -> tuple[Mask, Reference]:
    """Which of the explained rows (n,) are the reference."""
    name, missing = asked.reference, 0
    if name in classes:
        chosen, said = (rows["class"] == name).to_numpy(), f"rows predicted {name}"
    elif name == OTHERWISE:
        chosen, said = ~mine, f"rows not predicted {asked.class_name}"
    elif name == EVERY:
        chosen, said = np.ones(len(rows), dtype=bool), "all explained rows"
    elif name == CLOSE:
        sure = rows["predicted"].to_numpy()
        line = np.quantile(sure[~mine], _CLOSE_QUANTILE) if (~mine).any() else 0.0
        chosen, said = (
            ~mine & (sure <= line),
            f"the quarter of the rows not predicted {asked.class_name} that is least sure",
        )
    else:
        wanted = _listed(Path(name), classes)
        chosen, said = rows["row"].isin(wanted).to_numpy(), f"the rows that {Path(name).name} lists"
        missing = len(wanted - set(rows["row"]))
    if not chosen.any():
        raise InputError(f"--reference: {said}: the run explained none, so there is nothing to compare with")
    return chosen, Reference(
        asked=said,
        rows=int(chosen.sum()),
        usable=int((rows["trust"].to_numpy()[chosen] == _USABLE).sum()),
        adverse=int((chosen & mine).sum()),
        not_explained=missing,
    )


def _listed(path: Path, classes: list[str]) -> set[str]:
    """The row names of a file, one a line; of a CSV file the first column, whose head `row` is no name."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(
            f"--reference: {path} is neither {OTHERWISE}, {CLOSE}, {EVERY}, a class ({', '.join(classes[:10])}) nor a "
            f"file of row names that can be read ({error.strerror})"
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(f"--reference: {path} is not UTF-8; save it as UTF-8") from error
    names = [line.split(",")[0].strip().strip('"') for line in lines]
    return {name for i, name in enumerate(names) if name and not (i == 0 and name == "row")}


def _judged(record: RunRecord, asked: Asked, weights: Weights, compared: Compared, table: CodeTable | None) -> _Judged:
    noise = (_ranking(record, asked.class_name)["above_floor"] == False).to_numpy()  # noqa: E712 - NA is not below
    return _Judged(
        weights=weights,
        compared=compared,
        allowed=~noise & (compared.known >= contributions.COMPARABLE),
        noise=noise,
        indifference=record.results.method.indifference,
        codes=table,
    )


def _row(facts: pd.Series, judged: _Judged, i: int, position: int, top: int) -> RowReasons:
    """The i-th row of the class, at a position among the explained rows."""
    worth: Array = np.nan_to_num(judged.compared.contribution[i])
    order = [int(f) for f in np.argsort(-worth, kind="stable") if worth[f] > 0]
    may = [f for f in order if judged.allowed[f]]
    kept, left = may[:top], may[top:]
    alike = judged.indifference * float(worth[order].sum())
    r2 = float(facts["r2"])
    last = worth[kept[-1]] if kept else np.inf
    return RowReasons(
        row=str(facts["row"]),
        predicted=float(facts["predicted"]),
        r2=None if np.isnan(r2) else r2,
        trust=str(facts["trust"]),
        for_a_person=bool(facts["trust"] != _USABLE),
        reasons=tuple(_reason(judged, i, position, f) for f in kept),
        tied=judged.weights.features[left[0]] if left and last - worth[left[0]] <= alike else None,
        noise=tuple(
            judged.weights.features[f] for f in order if judged.noise[f] and (len(kept) < top or worth[f] >= last)
        ),
    )


def _reason(judged: _Judged, i: int, position: int, f: int) -> Reason:
    w = judged.weights
    name, code = w.features[f], int(w.values[position, f])
    value = w.labels[code] if code >= 0 else ""
    entry = None if judged.codes is None else judged.codes.of(name, value)
    return Reason(
        feature=name,
        value=value,
        code=None if entry is None else entry.code,
        text=None if entry is None else entry.text,
        contribution=float(judged.compared.contribution[i, f]),
        weight=float(w.weights[position, f]),
        same_value=float(judged.compared.same[i, f]),
    )


def _notes(reference: Reference) -> list[str]:
    notes = []
    if reference.rows < _FEW:
        notes.append(f"The reference has {reference.rows} rows only: means over so few move with each of them.")
    if reference.not_explained:
        notes.append(f"{reference.not_explained:,} rows of the reference's file were not explained in this run.")
    if reference.adverse:
        notes.append(f"{reference.adverse:,} rows of the reference are themselves predicted the class.")
    return notes


def _of_background(record: RunRecord) -> list[str]:
    """How often a perturbed row has a value is told by the explained rows, which another background may belie."""
    manifest = record.manifest
    try:
        stored = configs.of_bytes(manifest.config_text.encode(), Path(manifest.config_file), manifest.config_overrides)
    except ConfigError:  # a text without its credentials, or of another version
        return []
    if stored.settings.data.background is None or record.results.method.method == "kernelshap":
        return []
    return [
        "Perturbed rows were drawn like data.background; how often they have a value was taken from the explained rows."
    ]
