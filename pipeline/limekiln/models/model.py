"""A model as the rest of limekiln knows it: one function, the names of what it gives, and facts for the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from limekiln.errors import InputError
from limekiln.record import Notice

VALUE = "prediction"
"""The one class name of a regression."""


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted model.

    Attributes:
        predict: takes a DataFrame of n rows; gives (n, C) probabilities, or (n,) or (n, 1) values. What it gives
            is checked by `checked.py`; call it through that.
        classes: C names in the order of the columns that `predict` gives; ("prediction",) for a regression.
        task: what the model does.
        features: the columns it was fitted on, in order; None where the model does not say.
        kind: how it was loaded.
        description: a short phrase for the report, such as "Pipeline: ColumnTransformer → RandomForestClassifier".
        sha256: of the file; None where no file holds the model.
        notices: what a reader should know of the model.
    """

    predict: Callable[[pd.DataFrame], Any]
    classes: tuple[str, ...]
    task: Literal["classification", "regression"]
    features: tuple[str, ...] | None
    kind: str
    description: str
    sha256: str | None
    notices: tuple[Notice, ...] = ()

    @classmethod
    def from_function(
        cls, function: Callable[[pd.DataFrame], Any], classes: Sequence[object] | None = None, kind: str = "python"
    ) -> "Model":
        """Take a function of yours as a model.

        Args:
            function: a DataFrame in, (n, C) probabilities or (n,) values out.
            classes: the classes in the order of the columns; None means regression.
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
            classes=(VALUE,) if classes is None else class_names(classes),
            task="regression" if classes is None else "classification",
            features=feature_names(owner),
            kind=kind,
            description=name if owner is None else f"{type(owner).__name__}.{name}",
            sha256=None,
            notices=_of_owner(owner),
        )


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
