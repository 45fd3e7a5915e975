# ruff: noqa: INP001, T201 - a script that a reader runs, which prints
"""Does NormLIME find the features that a model needs, and do other scores find them better?

Run it as `OMP_NUM_THREADS=1 python -m benchmarks.keep_and_retrain PATH`, with the Adult census data (UCI, CC BY 4.0;
32,561 rows without a header) at PATH; without it only digits are measured. Figures of
docs/explanation/is-the-ranking-right.md are what it prints.

One model is fitted, its rows are ranked by every score, and models are trained anew on the features ranked first (KAR)
or on all the others (ROAR); and on the fitted model, the features ranked first are replaced in rows not seen before
(deletion). Rankings come from training rows alone, and everything is judged on test rows.
"""

import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from benchmarks import keep_and_retrain_tasks as tasks
from benchmarks.keep_and_retrain_tasks import Task
from scipy import sparse

import limekiln
from limekiln import views
from limekiln.aggregate import normlime
from limekiln.evaluation import deletion, retraining
from limekiln.evaluation.deletion import Interval
from limekiln.evaluation.retraining import Labels, Mode, Predict, Split, Train
from limekiln.importances import Ranked
from limekiln.values import Array, Fresh, Index, Instances, Mask, Outputs, part

FRACTIONS: Final = (0.05, 0.1, 0.2, 0.3, 0.5)
CLASS_FRACTIONS: Final = (0.05, 0.1, 0.2)
"""Half of the features are enough for any ranking to tell one class from the rest."""
SEEDS: Final = (1, 2, 3, 4, 5)
RANDOM_ORDERS: Final = deletion.RANDOM_ORDERS
PERTURBATIONS: Final = 10_000
MIN_SUPPORT: Final = 20
EXPLAINED: Final = 800
SHAP_ROWS: Final = 250
SHAP_BACKGROUND: Final = 20
DELETED_ROWS: Final = 200
"""Rows of each class whose features are replaced."""

BASE: Final = "NormLIME weighted"
ALL: Final = "*"
RANDOM: Final = "random"


@dataclass(frozen=True)
class Fitted:
    """A fitted model as limekiln asks it."""

    model: Any

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        """Probabilities of all classes; none is refused."""
        return self.model.predict_proba(part(instances, 0, len(instances))), []


Orders = dict[str, dict[str, Index]]
"""By the class's name, or `*` for all together, and then by the score's name: the order of the features."""


def main() -> None:
    """Prints the tables of each data set."""
    warnings.filterwarnings("ignore", module="sklearn")  # networks that are stopped early say so
    report(tasks.digits())
    if len(sys.argv) > 1:
        report(tasks.adult(Path(sys.argv[1])))


def report(task: Task) -> None:
    """Ranks, retrains, deletes and prints."""
    fitted = task.model(0, False).fit(task.split.X, task.split.y)  # noqa: FBT003 - all classes
    score = (fitted.predict(task.split.X_test) == task.split.y_test).mean()
    sizes = f"{len(task.split.X):,} training rows, {len(task.split.X_test):,} test rows, {len(task.features)} features"
    print(f"\n# {task.name}: {sizes}; the model that is explained is right in {score:.1%} of the test rows")
    with _clock("ranking"):
        orders = rankings(task, fitted)
    print_first(task, orders)
    for mode in ("keep", "remove"):
        with _clock(f"{mode} and retrain"):
            print_retrained(task, orders, mode)
    with _clock("keep and retrain, one class"):
        print_one_class(task, orders)
    with _clock("deletion"):
        print_deleted(task, fitted, orders)


class _clock:  # noqa: N801 - used as a function
    """Prints how long a part took."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        self.start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        print(f"[{self.what}: {time.perf_counter() - self.start:.0f} s]")


def rankings(task: Task, fitted: Any) -> Orders:
    """All orders but the random ones, from training rows alone."""
    rng = np.random.default_rng(0)
    rows = task.split.X.iloc[np.sort(rng.permutation(len(task.split.X))[:EXPLAINED])].reset_index(drop=True)
    parts = [
        local_orders(task, fitted, rows, ""),
        local_orders(task, fitted, rows, f", {task.kept} kept", features=task.kept),
        local_orders(task, fitted, rows, ", as numbers", discretizer="none"),
    ]
    found: Orders = {name: {k: o for part in parts for k, o in part[name].items()} for name in parts[0]}
    for scores in (attributed(task, fitted, rows), permuted(task, fitted, rows)):
        for name in found:
            found[name] |= {score: deletion.order_of(by_class[name]) for score, by_class in scores.items()}
    return found


def local_orders(task: Task, fitted: Any, rows: pd.DataFrame, suffix: str, **settings: Any) -> Orders:
    """Orders by everything that is made of local weights, from the explanations of one run.

    SP-LIME's I = √Σ|w| and mean |w| over all rows always order alike. Where local explanations keep all features, so
    does GALE's average. The product of two halves of the pool is stored by the run itself, and so is which
    features do not stand above their noise floor; *noise last* puts those after all others.
    """
    run = limekiln.explain(
        fitted.predict_proba, rows, classes=task.classes, background=task.split.X, perturbations=PERTURBATIONS,
        name=task.name, **settings,
    )  # fmt: skip
    table = run.record.tables["explanations"]
    weights = table.pivot_table(index="row", columns="feature", values="weight", aggfunc="sum", fill_value=0.0)
    weights = weights.reindex(columns=rows.columns, fill_value=0.0)
    labels = run.record.tables["rows"].set_index("row")["class"].loc[weights.index].to_numpy()
    ranked = [_ranked(ALL, weights.to_numpy())]
    ranked += [_ranked(name, weights.to_numpy()[labels == name]) for name in task.classes]
    features = run.importances[run.importances["level"] == "feature"].set_index(["class", "feature"])
    found: Orders = {}
    for r in ranked:
        s = r.scores
        by = {BASE: s.weighted, "NormLIME share": s.share, "SP-LIME I = mean \\|w\\|": s.pick_importance}
        if "features" in settings:
            by["GALE average"] = s.average
        else:
            mine = features.loc[r.class_name].reindex(rows.columns)
            noise = mine["above_floor"].eq(other=False).fillna(value=False).to_numpy(dtype=bool)
            product = mine["debiased"].fillna(-1.0).to_numpy(dtype=np.float64)
            by |= {
                "NormLIME weighted, two halves": product,
                "NormLIME weighted, noise last": np.where(noise, s.weighted / (1 + s.weighted.max()) - 1, s.weighted),
            }
        if not settings:
            by["GALE homogeneity"] = views.homogeneity(r, ranked[1:])
        found[r.class_name] = {
            f"{n}{suffix}": np.argsort(normlime.ranks(v, s.support, MIN_SUPPORT)) for n, v in by.items()
        }
    return found


def _ranked(name: str, weights: Array) -> Ranked:
    scores = normlime.scores(normlime.tally(sparse.csr_array(weights)))
    keys = np.arange(weights.shape[1])
    return Ranked(name, "feature", keys, scores, normlime.ranks(scores.weighted, scores.support, 1), "weighted")


def attributed(task: Task, fitted: Any, rows: pd.DataFrame) -> dict[str, dict[str, Array]]:
    """Mean |SHAP| of the class that each row is given, by shap's own permutation explainer (antithetic, one pair)."""
    import shap  # type: ignore[import-untyped]  # noqa: PLC0415 - slow to import, and nothing else needs it

    rows = rows.iloc[:SHAP_ROWS]
    codes = np.column_stack([_coded(rows[name]) for name in rows])
    background = task.split.X.iloc[:SHAP_BACKGROUND]
    behind = np.column_stack([_coded(background[name]) for name in background])

    def predict(X: Array) -> Array:
        outputs: Array = fitted.predict_proba(pd.DataFrame({n: _uncoded(X[:, j], rows[n]) for j, n in enumerate(rows)}))
        return outputs

    masker = shap.maskers.Independent(behind, max_samples=len(behind))
    explainer = shap.explainers.Permutation(predict, masker, seed=0)
    values = explainer(codes, max_evals=2 * codes.shape[1] + 1, silent=True).values
    labels = fitted.predict_proba(rows).argmax(axis=1)
    return {"mean \\|SHAP\\|": _by_class(np.abs(values[np.arange(len(rows)), :, labels]), labels, task.classes)}


def _coded(values: pd.Series) -> Array:
    codes = values.cat.codes if isinstance(values.dtype, pd.CategoricalDtype) else values
    numbers: Array = np.asarray(codes, dtype=np.float64)
    return numbers


def _uncoded(values: Array, like: pd.Series) -> Any:
    if isinstance(like.dtype, pd.CategoricalDtype):
        return pd.Categorical.from_codes(values.astype(np.int64), dtype=like.dtype)
    return values


def permuted(task: Task, fitted: Any, rows: pd.DataFrame) -> dict[str, dict[str, Array]]:
    """Permutation importance: the fall of the output of the class that a row is given."""
    found = deletion.permute(Fitted(fitted), rows, task.features, seed=0)
    labels = fitted.predict_proba(rows).argmax(axis=1)[found.kept]
    return {"permutation": _by_class(found.output, labels, task.classes)}


def _by_class(values: Array, labels: Index, classes: Sequence[str]) -> dict[str, Array]:
    return {ALL: values.mean(axis=0)} | {name: values[labels == c].mean(axis=0) for c, name in enumerate(classes)}


def trainer(task: Task, *, one_class: bool) -> Train:
    """From scratch, on the features that are left."""

    def train(X: pd.DataFrame, y: Labels, seed: int) -> Predict:
        predict: Predict = task.model(seed, one_class).fit(X, y).predict
        return predict

    return train


def retrained(
    task: Task, split: Split, orders: Mapping[str, Index], fractions: Sequence[float], mode: Mode, *, one_class: bool
) -> dict[str, Array]:
    """Scores (T, S, n) of each order and, with an order of its own for each seed, of random."""
    train, score = trainer(task, one_class=one_class), balanced if one_class else None
    masks: dict[str, Mask] = {
        name: retraining.kept_features(order[None], fractions, mode)[0] for name, order in orders.items()
    }
    together = np.concatenate(list(masks.values()))
    scores = retraining.retrain(train, split, together, task.features, SEEDS, score=score)
    found = dict(zip(masks, np.split(scores, len(masks)), strict=True))
    chance = retraining.kept_features(deletion.random_orders(len(task.features), len(SEEDS), seed=0), fractions, mode)
    pieces = [
        retraining.retrain(train, split, keep, task.features, [seed], score=score)
        for keep, seed in zip(chance, SEEDS, strict=True)
    ]
    return found | {RANDOM: np.concatenate(pieces, axis=1)}


def balanced(true: Labels, predicted: Labels) -> Array:
    """Whose mean is the balanced accuracy of one class against the rest: half the recall of each."""
    counts = np.bincount(true.astype(np.int64), minlength=2)
    scores: Array = (true == predicted) * (len(true) / (2 * counts[true.astype(np.int64)]))
    return scores


def print_retrained(task: Task, orders: Orders, mode: Mode) -> None:
    """Accuracy by fraction, and how much better than NormLIME weighted over all of them."""
    found = retrained(task, task.split, orders[ALL], FRACTIONS, mode, one_class=False)
    better = "higher" if mode == "keep" else "lower"
    print(f"\n## {task.name}, {mode} and retrain: accuracy, all classes ({better} is a better ranking)\n")
    _print_table(found, FRACTIONS, mode)


def print_one_class(task: Task, orders: Orders) -> None:
    """Balanced accuracy of each class against the rest, with the class's own first features kept; mean over classes."""
    by_score: dict[str, list[Array]] = {}
    for c, name in enumerate(task.classes):
        split = Split(task.split.X, task.split.y == c, task.split.X_test, task.split.y_test == c)
        mine = orders[name] | {"NormLIME weighted, of all classes": orders[ALL][BASE]}
        for score, values in retrained(task, split, mine, CLASS_FRACTIONS, "keep", one_class=True).items():
            by_score.setdefault(score, []).append(values)
    found = {score: np.mean(values, axis=0) for score, values in by_score.items()}
    print(f"\n## {task.name}, keep and retrain: balanced accuracy of a class against the rest, its own features kept\n")
    _print_table(found, CLASS_FRACTIONS, "keep")
    print("\nover all fractions, class by class:\n")
    print("| score | " + " | ".join(task.classes) + " |\n|---|" + "---|" * len(task.classes))
    for score, parts in by_score.items():
        print(f"| {score} | " + " | ".join(f"{v.mean():.3f}" for v in parts) + " |")


def print_deleted(task: Task, fitted: Any, orders: Orders) -> None:
    """AOPC of each class's order on test rows that the model gives the class; rows of all classes together."""
    predicted = fitted.predict_proba(task.split.X_test)
    d = len(task.features)
    length = max(5, d // 6)
    areas: dict[str, list[Array]] = {}
    for c, name in enumerate(task.classes):
        rows = task.split.X_test.iloc[deletion.rows_of(predicted, c, DELETED_ROWS, seed=0)]
        stacked = np.concatenate(
            [*(o[None] for o in orders[name].values()), deletion.random_orders(d, RANDOM_ORDERS, 0)]
        )
        found = deletion.delete(Fitted(fitted), rows, task.split.X, stacked[:, :length], task.features, label=c, seed=0)
        area = deletion.aopc(found.falls).T
        for o, score in enumerate(orders[name]):
            areas.setdefault(score, []).append(area[:, o : o + 1])
        areas.setdefault(RANDOM, []).append(area[:, len(orders[name]) :])
    together = {score: np.concatenate(parts) for score, parts in areas.items()}
    n = len(together[BASE])
    print(f"\n## {task.name}, deletion of the first {length}: AOPC of the class's output, {n} test rows\n")
    print("| score | AOPC | more than random | more than NormLIME weighted |\n|---|---|---|---|")
    for score, values in together.items():
        chance = values[:, :1] - together[RANDOM]
        cells = ["" if score == RANDOM else _told(deletion.crossed(chance))]
        cells += ["" if score == BASE else _told(deletion.crossed(values - together[BASE]))]
        print(f"| {score} | {values.mean():.3f} | " + " | ".join(cells) + " |")


def print_first(task: Task, orders: Orders) -> None:
    """The first three of all classes together with the share of training rows that hold their commonest value."""
    common = {n: task.split.X[n].value_counts(normalize=True).iloc[0] for n in task.split.X}
    top = max(3, len(common) // 5)
    print(f"\n## {task.name}: first three features, and how many of the first {top} are NormLIME weighted's\n")
    print("| score | first three (rows with the commonest value) | shared | mean over classes |\n|---|---|---|---|")
    for score, order in orders[ALL].items():
        first = ", ".join(f"{n} ({common[n]:.1%})" for n in task.split.X.columns[order[:3]])
        shared = [len({*o[score][:top]} & {*o[BASE][:top]}) / top for o in orders.values()]
        print(f"| {score} | {first} | {shared[0]:.2f} | {np.mean(shared[1:]):.2f} |")


def _print_table(found: Mapping[str, Array], fractions: Sequence[float], mode: Mode) -> None:
    columns = [f"{t:.0%}" for t in fractions]
    print("| score | " + " | ".join(columns) + " | better than NormLIME weighted |")
    print("|---|" + "---|" * (len(columns) + 1))
    sign = 1 if mode == "keep" else -1
    for score, values in found.items():
        per_seed = values.mean(axis=2)
        cells = [f"{m:.3f} ± {s:.3f}" for m, s in zip(per_seed.mean(axis=1), per_seed.std(axis=1, ddof=1), strict=True)]
        difference = sign * (values - found[BASE]).mean(axis=0).T
        cells.append("" if score == BASE else _told(deletion.crossed(difference)))
        print(f"| {score} | " + " | ".join(cells) + " |")


def _told(found: Interval) -> str:
    mark = "**" if found.low > 0 or found.high < 0 else ""
    return f"{mark}{found.mean:+.3f}{mark} ({found.low:+.3f} to {found.high:+.3f})"


if __name__ == "__main__":
    main()
