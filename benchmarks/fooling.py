# ruff: noqa: INP001, T201 - a script that a reader runs, which prints
"""How many fooling attacks are caught, and how many honest models raise an alarm.

Run it as `python benchmarks/fooling.py PATH of adult.data`, the Adult census data (UCI, CC BY 4.0; 32,561 rows without
a header). Figures of docs/explanation/cannot-be-fooled.md are what it prints; the thresholds were chosen on the seeds
of `CHOOSING`, and the results are those of `REPORTING`.

An attack (Slack et al. 2020) is drawn at random: data set, biased column, one or two innocent columns, each with a
random rule, and a detector that the attacker trains on perturbed rows of its own making. The model decides by the
biased column where the detector says that a row is real, else by the innocent ones. An attack that does not work is
drawn again: one whose detector mistakes many real rows, or whose biased column weighs most in the perturbed pool too.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from limekiln import fooling
from limekiln.domains.tabular import data_pool
from limekiln.domains.tabular import space as spaces
from limekiln.domains.tabular.data_pool import DataPoolJob
from limekiln.domains.tabular.pool import Pool
from limekiln.fooling import Comparison, Shift, Weights
from limekiln.kernels import default_width
from limekiln.local import tables as local
from limekiln.local.tables import Local, PooledJob, PoolJob, Rows
from limekiln.values import Array, Fresh, Index, Instances, Mask, Outputs, part

CREDIT: Final = Path(__file__).parent.parent / "examples" / "credit" / "german_credit.csv"
ADULT_NAMES: Final = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours_per_week", "native_country", "income"),
)
ADULT_ROWS: Final = 8000
TAUGHT_ROWS: Final = 4000
POOL: Final = 5000
EXPLAINED: Final = 120
COUNT: Final = 100
WEAK_COUNT: Final = 25
REACH: Final = 0.75
"""Share of the data's rows that a detector must call real: a model that it misleads is hardly biased."""
CHOOSING: Final = 0
REPORTING: Final = 10_000
THRESHOLDS: Final = (0.06, 0.08, 0.10, 0.12, 0.15, 0.20, 0.25, 0.30)
WEAK: Final = (("region", 0.5), ("region", 0.25), ("region", 0.1), ("border", 0.5), ("border", 0.25))
"""Attacks that decide by the biased column only in a share of the rows: in a region, or nearest the border."""

Score = Callable[[pd.DataFrame], Array]
"""The probability of the second class, (n,)."""
Generator = np.random.Generator


@dataclass(frozen=True)
class Table:
    """A data set with two classes, and the numbers that stand for its texts."""

    name: str
    frame: pd.DataFrame
    target: Index
    texts: dict[str, dict[Any, int]]

    def numbers(self, frame: pd.DataFrame) -> Array:
        """Rows as numbers (n, d)."""
        columns = [frame[c].map(self.texts[c]) if c in self.texts else frame[c] for c in frame]
        return np.column_stack([c.to_numpy(dtype=np.float64) for c in columns])


@dataclass(frozen=True)
class Model:
    """A score as the pipeline asks a model."""

    score: Score

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        """Probabilities of both classes."""
        frame = part(instances, 0, len(instances))
        assert isinstance(frame, pd.DataFrame)  # noqa: S101 - for the type checker
        p = self.score(frame)
        return np.column_stack([1 - p, p]), []


@dataclass(frozen=True)
class Attack:
    """A model that decides by one column where its detector says real, as for a share `reach` of the data's rows."""

    score: Score
    biased: str
    detector: str
    reach: float


@dataclass(frozen=True)
class Trial:
    """What came out for one model: the comparison, the biased column's shares, and what weighs most in each pool."""

    kind: str
    found: Comparison
    features: tuple[str, ...]
    overall: tuple[Shift, ...]
    biased: str | None = None

    @property
    def fooled(self) -> bool:
        """Whether the biased column is not the first in the pool of perturbed rows."""
        return self.first("marginal") != self.biased

    def first(self, pool: str) -> str:
        """The feature that weighs most over all rows."""
        return self.features[max(self.overall, key=lambda s: getattr(s, pool)).feature]


def main() -> None:
    """Prints the examples, the thresholds on the seeds that choose, and the results on the others."""
    warnings.filterwarnings("ignore", module="sklearn")  # networks that are stopped early say so
    credit, adult = read_credit(), read_adult(Path(sys.argv[1]))
    show_example(credit, "personal_status_and_sex", "telephone")
    show_example(adult, "sex", "hours_per_week")
    tables = (credit, adult)
    print("\nseeds that choose")
    print_thresholds(honest_trials(tables, CHOOSING, COUNT), attack_trials(tables, CHOOSING, COUNT))
    print("\nseeds that report")
    honest, attacks = honest_trials(tables, REPORTING, COUNT), attack_trials(tables, REPORTING, COUNT)
    print_thresholds(honest, attacks)
    print_population("honest", honest)
    for kind in ("forest", "boosting", "logistic", "mlp"):
        print_population(f"  {kind}", [t for t in honest if t.kind == kind])
    print_population("attacks", attacks)
    for how, share in WEAK:
        print_population(f"{how} {share:g}", attack_trials(tables, REPORTING, WEAK_COUNT, (how, share)))


def read_credit() -> Table:
    """German credit: 1,000 rows, 20 columns."""
    frame = pd.read_csv(CREDIT)
    return _table("German credit", frame, frame.pop("creditability") == "bad")


def read_adult(path: Path) -> Table:
    """Adult: a fixed sample of its rows, 12 columns."""
    frame = pd.read_csv(path, names=ADULT_NAMES, skipinitialspace=True)
    frame = frame.sample(ADULT_ROWS, random_state=0).reset_index(drop=True).drop(columns=["fnlwgt", "education"])
    return _table("Adult", frame, frame.pop("income") == ">50K")


def measure(table: Table, score: Score, kind: str, seed: int, biased: str | None = None) -> Trial:
    """Explains the same rows from both pools and from what the perturbed one teaches, as a run does."""
    model, frame = Model(score), table.frame
    space = spaces.fit(frame, discretizer="quartile")
    perturbed = local.join_pool(
        space, [local.predict_part(PoolJob(space, model, seed), p) for p in local.pool_parts(POOL)]
    )
    chosen = data_pool.parts(frame, data_pool.choose(len(frame), POOL, seed))
    real = data_pool.join(space, [data_pool.predict_part(DataPoolJob(space, model), p) for p in chosen])
    explained = frame.iloc[np.random.default_rng(seed).permutation(len(frame))[:EXPLAINED]]
    predicted, _ = model.predict_rows(explained)
    positions = np.arange(EXPLAINED)
    rows = Rows(
        rows=positions,
        keys=positions.astype(np.uint64),
        codes=spaces.encode(space, explained),
        numbers=spaces.standardise(space, explained),
        predicted=predicted,
        labels=predicted.argmax(axis=1).astype(np.int64),
    )
    way = Local(space, default_width(len(space.columns)), "none", None)
    stood_in = fooling.stand_in(perturbed, real, seed)

    def weights(pool: Pool) -> Array:
        return local.explain_pooled(PooledJob(way, pool), rows).explanations.weights

    three = Weights(rows.labels, weights(perturbed), weights(real), weights(stood_in.pool))
    found = fooling.compare(three, stood_in, fooling.tell_apart(perturbed, real, seed))
    overall = tuple(s for s in fooling.shifts(three) if s.label is None)
    return Trial(kind, found, space.names, overall, biased)


def honest_trials(tables: tuple[Table, ...], start: int, count: int) -> list[Trial]:
    """Models that learn the true target, each seed its own."""
    trials = []
    for seed in range(start, start + count):
        rng = np.random.default_rng([seed, 1])
        table = tables[rng.integers(len(tables))]
        kind = str(rng.choice(["forest", "boosting", "logistic", "mlp"]))
        trials.append(measure(table, honest(table, kind, rng), kind, seed))
    return trials


def attack_trials(
    tables: tuple[Table, ...], start: int, count: int, weak: tuple[str, float] | None = None
) -> list[Trial]:
    """Attacks, drawn until `count` of them fool the pool of perturbed rows; weak ones as they are drawn."""
    trials: list[Trial] = []
    seed = start
    while len(trials) < count:
        rng = np.random.default_rng([seed, 2])
        table = tables[rng.integers(len(tables))]
        attack = draw_attack(table, rng, weak)
        if attack.reach >= REACH:
            trial = measure(table, attack.score, attack.detector, seed, attack.biased)
            trials += [trial] if weak or trial.fooled else []
        seed += 1
    if not weak:
        print(f"{seed - start} attacks drawn for {count} that work")
    return trials


def honest(table: Table, kind: str, rng: Generator) -> Score:
    """A model of a random part of the columns and rows, with random hyperparameters."""
    share = rng.choice([0.6, 0.8, 1.0])
    columns = [c for c in table.frame if rng.random() < share] or list(table.frame)
    rows = rng.permutation(len(table.frame))[: min(TAUGHT_ROWS, int(len(table.frame) * rng.uniform(0.5, 1)))]
    frame, target, seed = table.frame[columns].iloc[rows], table.target[rows], int(rng.integers(2**31))
    if kind in {"forest", "boosting"}:
        trees = _trees(kind, rng, seed).fit(table.numbers(frame), target)
        return lambda asked: np.asarray(trees.predict_proba(table.numbers(asked[columns]))[:, 1])
    texts = [c for c in columns if c in table.texts]
    others = [c for c in columns if c not in table.texts]
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), texts), (StandardScaler(), others))
    if kind == "logistic":
        last = LogisticRegression(C=10 ** rng.uniform(-2, 1), max_iter=300)
    else:
        layers = tuple(int(n) for n in rng.integers(8, 40, rng.integers(1, 3)))
        last = MLPClassifier(layers, alpha=10 ** rng.uniform(-4, 0), max_iter=40, random_state=seed)
    model = make_pipeline(encode, last).fit(frame, target)
    return lambda asked: np.asarray(model.predict_proba(asked[columns])[:, 1])


def _trees(kind: str, rng: Generator, seed: int) -> Any:
    if kind == "forest":
        leaf, share = int(rng.integers(1, 6)), float(rng.choice([0.3, 0.6]))
        n = int(rng.integers(20, 80))
        return RandomForestClassifier(n, min_samples_leaf=leaf, max_features=share, random_state=seed)
    rate, leaves = rng.uniform(0.03, 0.2), int(rng.integers(4, 32))
    sizes = {"max_iter": int(rng.integers(30, 150)), "max_leaf_nodes": leaves}
    return HistGradientBoostingClassifier(learning_rate=rate, early_stopping=False, random_state=seed, **sizes)


def draw_attack(table: Table, rng: Generator, weak: tuple[str, float] | None) -> Attack:
    """A random attack; a weak one uses the biased column only in a share of the rows that look real."""
    rules = {str(c): rule for c in rng.permutation(list(map(str, table.frame))) if (rule := _rule(table, str(c), rng))}
    biased, *innocent = list(rules)[: 2 + int(rng.integers(2))]
    sure = float(rng.choice([0.8, 1.0]))

    def by(columns: Sequence[str], frame: pd.DataFrame) -> Array:
        answers: Array = np.stack([rules[c](frame) for c in columns]).mean(axis=0)
        return 0.5 + sure * (answers - 0.5)

    kind, is_real = detector(table, rng)
    how, share = weak or ("region", 1.0)
    shown: Score = honest(table, "boosting", rng) if how == "border" else partial(by, innocent)
    inside = _border(shown, table, share) if how == "border" else _region(table, share, rng)

    def score(frame: pd.DataFrame) -> Array:
        return np.where(is_real(frame) & inside(frame), by([biased], frame), shown(frame))

    return Attack(score, biased, kind, float(is_real(table.frame).mean()))


def _rule(table: Table, column: str, rng: Generator) -> Score | None:
    """1 above a random quantile, or for a random set of categories; None where nothing splits a column."""
    values = table.frame[column]
    for _ in range(50):
        if column in table.texts:
            names = np.array(list(table.texts[column]))
            some = set(names[rng.integers(0, 2, len(names)) == 1].tolist())
            rule = partial(_among, column, some)
        else:
            rule = partial(_above, column, float(values.quantile(rng.uniform(0.3, 0.7))))
        if 0.1 <= rule(table.frame).mean() <= 0.9:  # noqa: PLR2004 - a tenth at least on either side
            return rule
    return None


def _among(column: str, chosen: set[str], frame: pd.DataFrame) -> Array:
    return np.asarray(frame[column].isin(chosen), dtype=np.float64)


def _above(column: str, cut: float, frame: pd.DataFrame) -> Array:
    return np.asarray(frame[column] > cut, dtype=np.float64)


def detector(table: Table, rng: Generator) -> tuple[str, Callable[[pd.DataFrame], Mask]]:
    """A classifier of real against perturbed rows, taught on a part of the data and perturbations of its own."""
    kind, how = str(rng.choice(["forest", "boosting", "logistic"])), str(rng.choice(["shuffled", "normal", "mixed"]))
    frame, seed = table.frame, int(rng.integers(2**31))
    known = frame.iloc[rng.permutation(len(frame))[: min(int(0.7 * len(frame)), 3000)]]
    n = len(known) * (3 if len(known) < 1000 else 1)  # noqa: PLR2004 - perturbed rows are free, real ones are not
    ways = ["shuffled", "normal"] if how == "mixed" else [how]
    made = pd.concat([_perturbed(frame, w, n // len(ways), rng) for w in ways])
    balanced: dict[str, Any] = {"class_weight": "balanced"}
    if kind == "forest":
        model: Any = RandomForestClassifier(40, random_state=seed, **balanced)
    elif kind == "boosting":
        model = HistGradientBoostingClassifier(max_iter=100, early_stopping=False, random_state=seed, **balanced)
    else:
        pairs = PolynomialFeatures(2, include_bias=False)  # alone, columns look the same in both
        model = make_pipeline(StandardScaler(), pairs, StandardScaler(), LogisticRegression(max_iter=200, **balanced))
    model.fit(table.numbers(pd.concat([known, made])), np.repeat([1, 0], [len(known), len(made)]))
    sure = rng.uniform(0.35, 0.65)
    return kind, lambda asked: np.asarray(model.predict_proba(table.numbers(asked))[:, 1] > sure)


def _perturbed(frame: pd.DataFrame, how: str, n: int, rng: Generator) -> pd.DataFrame:
    """Each column by itself: from its own values, or numbers from a normal distribution."""
    columns = {}
    for name in frame:
        values = frame[name]
        if how == "shuffled" or not pd.api.types.is_numeric_dtype(values):
            columns[name] = values.to_numpy()[rng.integers(0, len(frame), n)]
        else:
            columns[name] = np.round(rng.normal(values.mean(), values.std(), n)).clip(values.min(), values.max())
    return pd.DataFrame(columns)


def _region(table: Table, share: float, rng: Generator) -> Callable[[pd.DataFrame], Mask]:
    """A random half-space that holds a share of the rows."""
    numbers = table.numbers(table.frame)
    direction = rng.normal(size=numbers.shape[1]) / (numbers.std(axis=0) + 1e-9)
    cut = np.quantile(numbers @ direction, share)
    return lambda frame: np.asarray(table.numbers(frame) @ direction <= cut)


def _border(score: Score, table: Table, share: float) -> Callable[[pd.DataFrame], Mask]:
    """The share of the rows whose score is nearest to the 70 % quantile, a border of rejection."""
    scores = score(table.frame)
    border = np.quantile(scores, 0.7)
    width = np.quantile(np.abs(scores - border), share)
    return lambda frame: np.abs(score(frame) - border) <= width


def show_example(table: Table, biased: str, innocent: str) -> None:
    """One attack with columns of this script's choice; the biased one has women's values apart from men's."""
    rng = np.random.default_rng(0)
    others = next(rule for _ in range(50) if (rule := _rule(table, innocent, rng)))
    is_real = detector(table, np.random.default_rng(1))[1]

    def score(frame: pd.DataFrame) -> Array:
        by_bias = frame[biased].str.lower().str.startswith("female").to_numpy(dtype=np.float64)
        return np.where(is_real(frame), by_bias, others(frame))

    t = measure(table, score, "example", 0, biased)
    print(f"\n{table.name}: decides by {biased}, shows {innocent}: {t.found.verdict}")
    print(f"AUC {t.found.auc:.2f}, taught {t.found.taught:.2f}, carried {t.found.carried:.2f}")
    for s in t.overall:
        if t.features[s.feature] in {biased, innocent}:
            print(f"{t.features[s.feature]}: {s.marginal:.2f} marginal, {s.data:.2f} data, {s.expected:.2f} expected")


def print_thresholds(honest_: list[Trial], attacks: list[Trial]) -> None:
    """Caught attacks and false alarms by threshold, of the excess and of the plain rise."""
    print("threshold: attacks caught, honest alarms by excess | by the plain rise")
    for cut in THRESHOLDS:
        by = [
            np.mean([getattr(t.found, name) >= cut for t in trials])
            for name in ("excess", "rise")
            for trials in (attacks, honest_)
        ]
        print(f"{cut:.2f}: {by[0]:4.0%} {by[1]:4.0%} | {by[2]:4.0%} {by[3]:4.0%}")


def print_population(name: str, trials: list[Trial]) -> None:
    """One line of a population."""
    verdicts = [t.found.verdict for t in trials]
    counts = " ".join(f"{v} {verdicts.count(v)}" for v in ("agree", "suspicious", "disagree"))
    line = f"{name:12} {len(trials):3}: {counts}; median"
    for what in ("auc", "taught", "carried", "rise", "excess"):
        line += f" {what} {np.median([getattr(t.found, what) for t in trials]):.2f}"
    excess = [t.found.excess for t in trials]
    line += f"; excess {min(excess):.3f} to {max(excess):.3f}"
    if trials[0].biased:
        line += f"; fooled {sum(t.fooled for t in trials)}"
        line += f", first in the data pool {sum(t.first('data') == t.biased for t in trials)}"
        line += f", most excess {sum(t.features[t.found.risen[0].feature] == t.biased for t in trials)}"
    print(line, flush=True)


def _table(name: str, frame: pd.DataFrame, positive: pd.Series) -> Table:
    texts = {
        str(c): {value: i for i, value in enumerate(pd.unique(frame[c]))} for c in frame.select_dtypes(exclude="number")
    }
    return Table(name, frame, positive.to_numpy(dtype=np.int64), texts)


if __name__ == "__main__":
    main()
