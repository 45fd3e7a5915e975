"""A model as the rest of limekiln knows it: one function, the names of what it gives, and facts for the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from limekiln.errors import InputError
from limekiln.record import Notice

Output = Literal["probability", "logit", "value"]
"""What a model gives: probabilities of classes, scores of classes on a logit scale, or values in their own unit."""

VALUE = "prediction"
"""The name of a regression's one output, where the config gives none."""


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted model.

    Attributes:
        predict: takes n instances (a DataFrame, a list of texts, or an array); gives (n, C) numbers, for a
            single value also (n,). What it gives is checked by `checked.py`; call it through that.
        classes: C names in the order of the columns that `predict` gives; of the values for a regression.
        output: what the numbers are.
        features: the columns it was fitted on, in order; None where the model does not say.
        kind: how it was loaded.
        description: a short phrase for the report, such as "Pipeline: ColumnTransformer → RandomForestClassifier".
        sha256: of the file; None where no file holds the model.
        notices: what a reader should know of the model.
        discretion: takes out of the model's own messages what may not be told of the instances that it was asked for.
    """

    predict: Callable[[Any], Any]
    classes: tuple[str, ...]
    output: Output
    features: tuple[str, ...] | None
    kind: str
    description: str
    sha256: str | None
    notices: tuple[Notice, ...] = ()
    discretion: Callable[[str, Any], str] | None = None

    @property
    def task(self) -> Literal["classification", "regression"]:
        """What the model does."""
        return "regression" if self.output == "value" else "classification"

    @classmethod
    def from_function(
        cls,
        function: Callable[[Any], Any],
        output: Output,
        names: Sequence[object] = (),
        kind: str = "python",
    ) -> "Model":
        """Take a function of yours as a model.

        Args:
            function: n instances in, (n, C) numbers out, or (n,) where there is one value.
            output: what the numbers are.
            names: the classes, or the values' names, in the order of the columns; one value needs no name.
            kind: how the function was found.

        Raises:
            InputError: it cannot be called, or the class names are too few or not distinct.
        """
        if not callable(function):
            raise InputError(f"the model is no function but a value of type {type(function).__name__}")
        owner = getattr(function, "__self__", None)
        name = getattr(function, "__name__", type(function).__name__)
        return cls(
            predict=function,
            classes=output_names(output, names),
            output=output,
            features=feature_names(owner),
            kind=kind,
            description=name if owner is None else f"{type(owner).__name__}.{name}",
            sha256=None,
            notices=_of_owner(owner),
        )


def output_names(output: Output, names: Sequence[object]) -> tuple[str, ...]:
    """Give the names of a model's outputs: its classes, or its values.

    Raises:
        InputError: as `class_names` does.
    """
    if output == "value":
        return tuple(str(name) for name in names) or (VALUE,)
    return class_names(names)


def class_names(labels: Sequence[object]) -> tuple[str, ...]:
    """Give class labels as texts: 1 and 1.0 as "1", True as "True".

    Raises:
        InputError: fewer than two, or two that read the same.
    """
    names = tuple(label_text(label) for label in labels)
    if len(names) < 2:  # noqa: PLR2004 - two classes make a choice
        raise InputError(
            f"the model knows only {len(names)} class{'' if len(names) == 1 else 'es'}; nothing to explain"
        )
    first: dict[str, object] = {}
    for name, label in zip(names, labels, strict=True):
        if name in first:
            raise InputError(f'the model\'s classes {first[name]!r} and {label!r} both read "{name}"; rename one')
        first[name] = label
    return names


def label_text(label: object) -> str:
    """Give one label as text; whole floats read as integers, since missing values turn integers into floats."""
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)


def feature_names(estimator: object) -> tuple[str, ...] | None:
    """Give the columns that a scikit-learn estimator says it was fitted on."""
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else tuple(str(name) for name in names)


def _of_owner(owner: object) -> tuple[Notice, ...]:
    if getattr(owner, "n_jobs", None) in {None, 1}:
        return ()
    text = "The model predicts in several threads: the last digits may differ from run to run; set its n_jobs to 1."
    return (Notice(code="model_in_threads", text=text),)
