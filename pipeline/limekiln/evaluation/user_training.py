"""Keep and remove and retrain with the user's train function, for the ranking of a stored run."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from limekiln.data.roles import listed
from limekiln.errors import InputError, LimekilnError, RunError
from limekiln.evaluation import deletion, retraining
from limekiln.evaluation.deletion import Features, Interval
from limekiln.evaluation.document import Estimate, Mean, RetrainedMode, RetrainedStep, Retraining
from limekiln.evaluation.retraining import Labels, Mode, Predict, Split, Train
from limekiln.models.model import label_text
from limekiln.models.user_code import UserCode
from limekiln.reopen import Reopened
from limekiln.values import Array, Index, Listener, Mask, Progress

FRACTIONS: Final = (0.05, 0.1, 0.2, 0.3, 0.5)
SEEDS: Final = 5
_TEST_SHARE: Final = 0.25
_FEWEST: Final = 8
_MODES: Final[tuple[Mode, ...]] = ("keep", "remove")
_NAMES: Final = ("ranking", "permutation", "random")


@dataclass(frozen=True)
class Retrain:
    """How to train anew: a function, or its name as "module:callable", and with how many seeds."""

    train: Train | str
    seeds: int = SEEDS

    @property
    def name(self) -> str:
        """What the function is called."""
        return self.train if isinstance(self.train, str) else getattr(self.train, "__qualname__", "a function")


@dataclass(frozen=True)
class Orders:
    """Positions of the features (F,), of a class or all together: by the run, and by permutation importance."""

    of: str
    ranking: Index
    permutation: Index


def check(opened: Reopened, retrain: Retrain) -> None:
    """Sees that a model can be trained before anything is measured.

    Raises:
        InputError: the data have no target, or there is no such function.
    """
    frame, settings = opened.inputs.frame, opened.config.settings
    if frame.target is None:
        raise InputError("--train: the run's config names no data.target, and there is nothing to train on")
    if opened.record.results.model.task == "regression" and len(opened.inputs.model.classes) > 1:
        raise InputError(
            f"--train: the model gives {listed(opened.inputs.model.classes)}, and there is one data.target"
        )
    if (known := int(frame.target.notna().sum())) < _FEWEST:
        raise InputError(f"--train: {known} rows have a value in {settings.data.target}, at least {_FEWEST} are needed")
    _function(opened, retrain)


def judge(opened: Reopened, retrain: Retrain, columns: Features, orders: Orders, listener: Listener) -> Retraining:
    """Trains with and without the first features of the run's ranking, of permutation importance's, and of random ones.

    Args:
        opened: the run.
        retrain: how to train, with how many seeds; each has a random order of its own.
        columns: of each feature.
        orders: the run's, and permutation importance's.
        listener: hears of progress.

    Raises:
        RunError: the function failed, or what it gave back does not predict.
    """
    seeds = tuple(range(1, retrain.seeds + 1))
    models = len(seeds) * 2 * (1 + len(_NAMES) * len(_counts(len(columns))))
    job = _Job(
        train=_told(_checked(_function(opened, retrain), retrain.name), listener, models),
        split=_split(opened),
        columns=columns,
        seeds=seeds,
        categorical=opened.config.settings.data.categorical,
        regression=opened.record.results.model.task == "regression",
    )
    every = np.ones(len(columns), dtype=bool)
    everything, nothing = job.scores(np.stack([every, ~every]), seeds)
    random = deletion.random_orders(len(columns), len(seeds), opened.record.manifest.seed)
    modes = tuple(_mode(job, mode, orders, random) for mode in _MODES)
    listener(Progress("train", models, models))
    target = opened.inputs.frame.target
    return Retraining(
        train=retrain.name,
        score="R²" if job.regression else "accuracy",
        ranking_of=orders.of,
        training_rows=len(job.split.X),
        test_rows=len(job.split.X_test),
        without_target=0 if target is None else int(target.isna().sum()),
        seeds=seeds,
        everything=_mean(everything),
        nothing=_mean(nothing),
        modes=modes,
    )


def estimate(found: Interval) -> Estimate:
    """An interval as it is stored: nothing where there is no number."""
    return Estimate(**{k: float(v) if np.isfinite(v) else None for k, v in vars(found).items()})


@dataclass(frozen=True)
class _Job:
    train: Train
    split: Split
    columns: Features
    seeds: tuple[int, ...]
    categorical: tuple[str, ...]
    regression: bool

    def scores(self, keep: Mask, seeds: tuple[int, ...]) -> Array:
        """Scores (M, S, n) of models that see some features only."""
        score = _explained if self.regression else _right
        return retraining.retrain(
            self.train, self.split, keep, self.columns, seeds, categorical=self.categorical, score=score
        )


def _mode(job: _Job, mode: Mode, orders: Orders, random: Index) -> RetrainedMode:
    counts = _counts(len(job.columns))
    fractions = [n / len(job.columns) for n in counts]
    masks = retraining.kept_features(np.stack([orders.ranking, orders.permutation]), fractions, mode)
    both = job.scores(np.concatenate(masks), job.seeds)
    chance = retraining.kept_features(random, fractions, mode)
    pieces = [job.scores(keep, (seed,)) for keep, seed in zip(chance, job.seeds, strict=True)]
    found = dict(zip(_NAMES, (*np.split(both, 2), np.concatenate(pieces, axis=1)), strict=True))
    over_random, over_permutation = (_over(found, other, mode) for other in ("random", "permutation"))
    return RetrainedMode(
        mode=mode,
        steps=tuple(
            RetrainedStep(features=n, **{name: _mean(scores[t]) for name, scores in found.items()})
            for t, n in enumerate(counts)
        ),
        over_random=over_random,
        verdict=over_random.verdict,
        over_permutation=over_permutation,
        verdict_on_permutation=over_permutation.verdict,
    )


def _counts(n_features: int) -> list[int]:
    """How many features the fractions are, each number once, and never all of them."""
    counts = {max(1, round(fraction * n_features)) for fraction in FRACTIONS}
    return sorted(n for n in counts if n < n_features)


def _over(found: Mapping[str, Array], other: str, mode: Mode) -> Estimate:
    """How much better the run's ranking is than another order; rows are compared with themselves, seed by seed."""
    sign = 1 if mode == "keep" else -1
    return estimate(deletion.crossed(sign * (found["ranking"] - found[other]).mean(axis=0).T))


def _mean(scores: Array) -> Mean:
    per_seed = scores.mean(axis=-1)
    return Mean(mean=float(per_seed.mean()), sd=float(per_seed.std(ddof=1)))


def _right(true: Labels, predicted: Labels) -> Array:
    pairs = zip(true.tolist(), predicted.tolist(), strict=True)
    return np.array([label_text(t) == label_text(p) for t, p in pairs], dtype=np.float64)


def _explained(true: Labels, predicted: Labels) -> Array:
    """Whose mean is R²."""
    true = true.astype(np.float64)
    variance = true.var()
    parts: Array = 1 - (true - predicted.astype(np.float64)) ** 2 / (variance if variance > 0 else 1.0)
    return parts


def _split(opened: Reopened) -> Split:
    """A quarter of the rows that have a target to judge by, drawn by the run's seed; the same for every model."""
    frame = opened.inputs.frame
    assert frame.target is not None  # noqa: S101 - `check` comes first
    known = np.flatnonzero(frame.target.notna())
    drawn = np.random.default_rng(opened.record.manifest.seed).permutation(known)
    n = max(1, round(_TEST_SHARE * len(known)))
    test, train = np.sort(drawn[:n]), np.sort(drawn[n:])
    y = frame.target.to_numpy()
    X = frame.features
    return Split(X.iloc[train].reset_index(drop=True), y[train], X.iloc[test].reset_index(drop=True), y[test])


def _function(opened: Reopened, retrain: Retrain) -> Train:
    if not isinstance(retrain.train, str):
        return retrain.train
    code = UserCode(retrain.train, opened.config.folder, "--train")
    module, colon, name = retrain.train.partition(":")
    if not (module and colon and name):
        raise InputError(f'--train: expected "module:callable", such as training:train, got "{retrain.train}"')
    try:
        code.resolve()
    except LimekilnError:
        raise
    except Exception as error:
        raise InputError(f"--train: {module} cannot be imported: {type(error).__name__}: {error}") from error
    return code


def _checked(train: Train, name: str) -> Train:
    """The function, whose failures are named, and whose answers are looked at."""

    def predict(found: Any, X: pd.DataFrame) -> Labels:
        labels = np.asarray(_called(found, (X,), f"what {name} gave back"))
        if labels.shape != (len(X),):
            raise RunError(f"--train: what {name} gave back predicts an array of shape {labels.shape}, not ({len(X)},)")
        return labels

    def checked(X: pd.DataFrame, y: Labels, seed: int) -> Predict:
        found = _called(train, (X, y, seed), name)
        if not callable(found):
            raise RunError(f"--train: {name} gave back a value of type {type(found).__name__}, not a function of rows")
        return partial(predict, found)

    return checked


def _called(function: Any, arguments: tuple[Any, ...], name: str) -> Any:
    try:
        return function(*arguments)
    except LimekilnError:
        raise
    except Exception as error:
        raise RunError(f"--train: {name} raised {type(error).__name__}: {error}") from error


def _told(train: Train, listener: Listener, at_most: int) -> Train:
    """Tells how many models were trained, of at most so many: a set of features that comes twice needs one."""
    done = 0

    def counted(X: pd.DataFrame, y: Labels, seed: int) -> Predict:
        nonlocal done
        listener(Progress("train", done, at_most))
        done += 1
        return train(X, y, seed)

    return counted
