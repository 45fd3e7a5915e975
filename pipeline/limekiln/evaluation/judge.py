"""What `limekiln evaluate` does: a finished run's ranking against random orders and permutation importance."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy import stats

from limekiln import seal, store
from limekiln.errors import InputError
from limekiln.evaluation import deletion, user_training
from limekiln.evaluation.deletion import Deletion, Evidence
from limekiln.evaluation.document import (
    Asked,
    ClassEvaluation,
    DeletionFacts,
    Evaluation,
    PermutationFacts,
    Retraining,
    Step,
)
from limekiln.evaluation.user_training import Orders, Retrain, estimate
from limekiln.record import ALL_CLASSES
from limekiln.reopen import Reopened, reopen
from limekiln.values import Array, Fresh, Index, Instances, Listener, Mask, Outputs, Predictor, Progress, silent

ROWS: Final = 200
PERMUTED_ROWS: Final = 1000
PREDICTED_ROWS: Final = 20_000
"""Rows beside the explained ones that the model is asked for, to find rows of each class."""

_AGREES: Final = 1e-5
_RANKING, _PERMUTATION, _WHOLE_RANKING, _WHOLE_PERMUTATION = range(4)


@dataclass
class _Counted:
    """The model, and how many rows it was asked for."""

    ref: Predictor
    rows: int = 0

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        self.rows += len(instances)
        return self.ref.predict_rows(instances)


@dataclass(frozen=True)
class Ranks:
    """A run's features and how it ranks them.

    Attributes:
        features: (F,) names.
        columns: (F,) the columns that make each up.
        orders: by class, positions (F,) of the features, first one first.
    """

    features: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    orders: dict[str, Index]


@dataclass(frozen=True)
class _Rows:
    """Rows that the model was asked for: positions in the data, outputs (n, C), and which of them were explained."""

    positions: Index
    outputs: Array
    explained: Mask


@dataclass(frozen=True)
class _Judging:
    """What every part of an evaluation needs."""

    opened: Reopened
    ranks: Ranks
    model: _Counted
    listener: Listener

    @property
    def seed(self) -> int:
        """The run's."""
        return self.opened.record.manifest.seed

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the model's outputs."""
        return self.opened.inputs.model.classes

    @property
    def together(self) -> bool:
        """Whether all classes together mean something: values of a regression may have different units."""
        return self.opened.record.results.model.task == "classification"

    @property
    def length(self) -> int:
        """How many features are taken away: as many as the report names, but not all, after which orders are alike."""
        return max(1, min(self.opened.record.results.method.top, len(self.ranks.features) - 1))


def judge(
    folder: Path,
    *,
    rows: int = ROWS,
    retrain: Retrain | None = None,
    config_folder: Path | None = None,
    listener: Listener = silent,
) -> Evaluation:
    """Evaluates the ranking of a stored run.

    Args:
        folder: the run folder.
        rows: how many rows of each class lose their features.
        retrain: how to train anew, for KAR and ROAR.
        config_folder: as in `reopen`.
        listener: hears of progress.

    Raises:
        InputError: the run is not of a table, or its model or data are gone or changed.
        RunError: the train function failed.
    """
    record = store.read(folder)
    if (domain := record.results.data.domain) != "tabular":
        raise InputError(
            f"{folder}: explains {domain}, and evaluate takes columns of a table away; parts of {domain} are not the "
            "same in every row. What the report has of them is the fidelity and the stability of each explanation"
        )
    opened = reopen(folder, record, config_folder)
    ranks = ranks_of(opened)
    if len(ranks.features) == 1:
        raise InputError(f"{folder}: the model gets one feature; there is no order to evaluate")
    if retrain is not None:
        user_training.check(opened, retrain)
    job = _Judging(opened, ranks, _Counted(opened.inputs.ref), listener)
    known = _predicted(job)
    permutation = _permutation(job, known)
    classes = _deletion(job, permutation, known, rows)
    told: Retraining | None = None
    if retrain is not None:
        name = ALL_CLASSES if job.together else job.classes[0]
        orders = Orders(name, ranks.orders[name], permutation[name])
        told = user_training.judge(opened, retrain, ranks.columns, orders, listener)
    return _document(folder, job, classes, told, rows)


def ranks_of(opened: Reopened) -> Ranks:
    """The orders of the features, from `importances.parquet`; those that are not in it go last, as they come."""
    facts, groups = opened.record.results.data.features, opened.config.settings.data.groups
    redaction = opened.inputs.frame.redaction
    names = tuple(f.name for f in facts)
    place = {name: i for i, name in enumerate(names)}
    table = opened.record.tables["importances"]
    table = table[table["level"] == "feature"].sort_values("rank", kind="stable")
    orders = {}
    for name, mine in table.groupby("class", sort=False):
        listed = [place[feature] for feature in mine["feature"]]
        rest = sorted(set(range(len(names))) - set(listed))
        orders[str(name)] = np.array([*listed, *rest], dtype=np.int64)
    return Ranks(names, tuple(tuple(groups.get(name, (redaction.column(name),))) for name in names), orders)


def _predicted(job: _Judging) -> _Rows:
    """The explained rows, and others; the model must still say of the explained ones what it said in the run.

    Raises:
        InputError: it says something else.
    """
    frame, table = job.opened.inputs.frame, job.opened.record.tables["rows"]
    place = {key: i for i, key in enumerate(frame.names)}
    explained = np.array(sorted({place[key] for key in table["row"]}), dtype=np.int64)
    others = np.setdiff1d(np.arange(len(frame.keys)), explained)
    rng = np.random.default_rng(job.seed)
    others = np.sort(rng.permutation(others)[:PREDICTED_ROWS])
    positions = np.concatenate([explained, others])
    starts = range(0, len(positions), deletion.ASKED_AT_ONCE)
    found = []
    for done, start in enumerate(starts):
        job.listener(Progress("predict", done, len(starts)))
        asked = frame.features.iloc[positions[start : start + deletion.ASKED_AT_ONCE]]
        found.append(job.model.predict_rows(asked)[0])
    job.listener(Progress("predict", len(starts), len(starts)))
    outputs = np.concatenate(found)
    at = {int(p): i for i, p in enumerate(explained)}
    classes = {name: c for c, name in enumerate(job.classes)}
    now = outputs[[at[place[key]] for key in table["row"]], [classes[name] for name in table["class"]]]
    then = table["predicted"].to_numpy(dtype=np.float64)
    off = ~np.isclose(now, then, rtol=_AGREES, atol=_AGREES)
    if off.any():
        first = int(off.argmax())
        raise InputError(
            f"the model predicts otherwise than in the run for {int(off.sum()):,} of {len(off):,} explained rows, "
            f"first for row {table['row'].iloc[first]!r}: {now[first]:.6g} instead of {then[first]:.6g}; it or what it "
            "runs on has changed. Run again, and evaluate that run"
        )
    return _Rows(positions, outputs, np.isin(positions, explained))


def _permutation(job: _Judging, known: _Rows) -> dict[str, Index]:
    """Orders by permutation importance, from the explained rows: what the run's own ranking comes from."""
    job.listener(Progress("permute", 0, 1))
    columns, seed = job.ranks.columns, job.seed
    explained = known.positions[known.explained]
    chosen = np.sort(np.random.default_rng(seed).permutation(len(explained))[:PERMUTED_ROWS])
    rows = job.opened.inputs.frame.features.iloc[explained[chosen]]
    orders: dict[str, Index] = {}
    if not job.together:
        for c, name in enumerate(job.classes):
            found = deletion.permute(job.model, rows, columns, seed=seed, label=c, either_way=True)
            orders[name] = deletion.order_of(found.output.mean(axis=0))
    else:
        found = deletion.permute(job.model, rows, columns, seed=seed)
        labels = known.outputs[known.explained][chosen][found.kept].argmax(axis=1)
        orders[ALL_CLASSES] = deletion.order_of(found.output.mean(axis=0))
        for c, name in enumerate(job.classes):
            if (labels == c).any():
                orders[name] = deletion.order_of(found.output[labels == c].mean(axis=0))
    job.listener(Progress("permute", 1, 1))
    return orders


def _deletion(job: _Judging, permutation: dict[str, Index], known: _Rows, at_most: int) -> tuple[ClassEvaluation, ...]:
    """Each class on its own rows, by its own ranking; and the rows of all together, by the ranking of all."""
    ranks, inputs = job.ranks, job.opened.inputs
    random = deletion.random_orders(len(ranks.features), deletion.RANDOM_ORDERS, job.seed)
    parts: list[tuple[Deletion, int]] = []
    told = []
    for c, name in enumerate(job.classes):
        job.listener(Progress("delete", c, len(job.classes)))
        rows, unseen = _rows_of(known, c if job.together else None, at_most, job.seed)
        if name not in ranks.orders or name not in permutation or not len(rows):
            continue
        whole = ALL_CLASSES if job.together else name
        orders = [ranks.orders[name], permutation[name], ranks.orders[whole], permutation[whole]]
        found = deletion.delete(
            job.model,
            inputs.frame.features.iloc[rows],
            inputs.background.features,
            np.concatenate([orders, random])[:, : job.length],
            ranks.columns,
            label=c,
            seed=job.seed,
            either_way=not job.together,
        )
        parts.append((found, int(unseen[found.kept].sum())))
        told.append(_class(name, ranks, permutation[name], parts[-1], (_RANKING, _PERMUTATION)))
    job.listener(Progress("delete", len(job.classes), len(job.classes)))
    if job.together and len(parts) > 1:
        order = permutation[ALL_CLASSES]
        told.insert(0, _class(ALL_CLASSES, ranks, order, _joined(parts), (_WHOLE_RANKING, _WHOLE_PERMUTATION)))
    return tuple(told)


def _joined(parts: list[tuple[Deletion, int]]) -> tuple[Deletion, int]:
    """The rows of all classes; the random orders and the length are the same in each."""
    deletions = [d for d, _ in parts]
    whole = Deletion(
        falls=np.concatenate([d.falls for d in deletions], axis=1),
        kept=np.concatenate([d.kept for d in deletions]),
        refused=sum(d.refused for d in deletions),
    )
    return whole, sum(unseen for _, unseen in parts)


def _rows_of(known: _Rows, label: int | None, at_most: int, seed: int) -> tuple[Index, Mask]:
    """Rows of a class, or of any, and which of them are new: rows that were not explained go first."""
    usable = np.isfinite(known.outputs).all(axis=1)
    mine = usable if label is None else usable & (np.nan_to_num(known.outputs).argmax(axis=1) == label)
    rng = np.random.default_rng(seed)
    fresh = rng.permutation(known.positions[mine & ~known.explained])
    seen = rng.permutation(known.positions[mine & known.explained])
    chosen = np.concatenate([fresh, seen])[:at_most]
    order = np.argsort(chosen)
    return chosen[order], (np.arange(len(chosen)) < len(fresh))[order]


def _class(
    name: str, ranks: Ranks, rival: Index, found: tuple[Deletion, int], which: tuple[int, int]
) -> ClassEvaluation:
    deleted, unseen = found
    order, random = ranks.orders[name], range(_WHOLE_PERMUTATION + 1, len(deleted.falls))
    mine, other = (deletion.evidence(deleted, w, random) for w in which)
    areas = deletion.aopc(deleted.falls)
    ahead = estimate(deletion.crossed((areas[which[0]] - areas[which[1]])[:, None]))
    n = len(order)
    length = len(mine.curve) - 1
    among = min(length, (n + 1) // 2)
    places = [np.argsort(o) for o in (order, rival)]
    return ClassEvaluation(
        name=name,
        features=tuple(ranks.features[f] for f in order[:length]),
        deletion=_facts(mine, unseen),
        permutation=PermutationFacts(
            features=tuple(ranks.features[f] for f in rival[:length]),
            aopc=estimate(other.aopc),
            over_random=estimate(other.difference),
            over_permutation=ahead,
            verdict=ahead.verdict,
            rank_correlation=float(stats.spearmanr(*places).statistic),
            among=among,
            overlap=len(set(order[:among].tolist()) & set(rival[:among].tolist())) / among,
        ),
    )


def _facts(mine: Evidence, unseen: int) -> DeletionFacts:
    over = estimate(mine.difference)
    return DeletionFacts(
        rows=mine.rows,
        unseen=unseen,
        refused=mine.refused,
        curve=tuple(
            Step(features=k, fall=estimate(fall), random=estimate(random))
            for k, (fall, random) in enumerate(zip(mine.curve, mine.random, strict=True))
        ),
        aopc=estimate(mine.aopc),
        over_random=over,
        beaten=mine.beaten if np.isfinite(mine.beaten) else None,
        verdict=over.verdict,
    )


def _document(
    folder: Path, job: _Judging, classes: tuple[ClassEvaluation, ...], told: Retraining | None, rows: int
) -> Evaluation:
    results, manifest, inputs = job.opened.record.results, job.opened.record.manifest, job.opened.inputs
    there = {c.name for c in classes}
    return Evaluation(
        run_id=manifest.run_id,
        model=results.model.name,
        results_sha256=seal.sha256(folder / store.RESULTS),
        importances_sha256=seal.sha256(folder / "importances.parquet"),
        model_sha256=manifest.model_sha256,
        data_sha256=manifest.data_sha256,
        background_sha256=inputs.background.sha256,
        score=results.method.score,
        task=results.model.task,
        n_features=len(job.ranks.features),
        asked=Asked(
            rows=rows,
            length=job.length,
            draws=deletion.DRAWS,
            random_orders=deletion.RANDOM_ORDERS,
            permuted_rows=PERMUTED_ROWS,
            repeats=deletion.DRAWS,
            confidence=deletion.CONFIDENCE,
            seed=job.seed,
        ),
        model_rows=job.model.rows,
        classes=classes,
        left_out=tuple(name for name in job.classes if name not in there),
        retraining=told,
    )
