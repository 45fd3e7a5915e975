"""A scikit-learn estimator, loaded → a Model: which function, which classes, one thread."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from limekiln.errors import InputError
from limekiln.models import boosting
from limekiln.models.model import Model, Output, class_names, feature_names, output_names
from limekiln.record import Notice

COLUMNS_UNNAMED: Final = "model_without_column_names"
_STEPS_SHOWN: Final = 6


def from_estimator(
    estimator: Any,
    *,
    output: Output,
    kind: str,
    sha256: str,
    names: Sequence[str] = (),
    notices: tuple[Notice, ...] = (),
) -> Model:
    """Make a Model of a fitted estimator; sets `n_jobs` of it and of everything inside it to 1.

    A forest adds its trees up in the order in which threads finish, so that with more than one the last bits
    of a probability differ from call to call.

    Raises:
        InputError: it is not fitted, or lacks what the configured output needs.
    """
    _check_fitted(estimator)
    one_thread(estimator)
    estimator = boosting.taken(estimator)
    features = feature_names(estimator)
    if features is None:
        text = "The model does not name its columns: it gets the data's, in their order."
        notices = (*notices, Notice(code=COLUMNS_UNNAMED, text=text))
    take = {"probability": _probabilities_of, "logit": _logits_of, "value": _values_of}[output]
    return Model(
        predict=take(estimator),
        classes=output_names("value", names) if output == "value" else _classes_of(estimator),
        output=output,
        features=features,
        kind=kind,
        description=describe(estimator),
        sha256=sha256,
        notices=notices,
    )


def describe(estimator: Any) -> str:
    """Name an estimator by its class, a pipeline also by its steps'."""
    name = _class_of(estimator)
    steps = getattr(estimator, "steps", None)
    if not isinstance(steps, list):
        return name
    inner = [type(step[-1]).__name__ for step in steps if not isinstance(step[-1], str)]
    shown = inner if len(inner) <= _STEPS_SHOWN else [*inner[: _STEPS_SHOWN - 1], "…", inner[-1]]
    return f"{name}: {' → '.join(shown)}"


def one_thread(estimator: object) -> None:
    """Set `n_jobs` to 1 in an estimator and in everything fitted inside it."""
    for part in _parts(estimator, set()):
        if getattr(part, "n_jobs", None) not in {None, 1}:
            part.n_jobs = 1  # type: ignore[attr-defined] # just read
        boosting.one_thread(part)


def _parts(value: object, seen: set[int]) -> Iterator[object]:
    """The estimators inside a value. Fitted copies (estimators_, transformers_) are no parameters: walk attributes."""
    stack = [value]
    while stack:
        part = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            stack.extend(part.values())
        elif isinstance(part, list | tuple):
            stack.extend(part)
        elif type(part).__name__ == "ndarray" and part.dtype == object:  # type: ignore[attr-defined] # an array's
            stack.extend(part.ravel().tolist())  # type: ignore[attr-defined] # gradient boosting keeps trees in one
        elif hasattr(part, "get_params") or type(part).__module__.startswith("sklearn."):
            yield part
            stack.extend(getattr(part, "__dict__", {}).values())


def _check_fitted(estimator: Any) -> None:
    from sklearn.exceptions import NotFittedError  # noqa: PLC0415 - slow to import, and only a model needs it
    from sklearn.utils.validation import check_is_fitted  # noqa: PLC0415 - the same

    if not hasattr(estimator, "predict"):
        raise InputError(
            f"model.source: the file holds a value of type {type(estimator).__name__}, which has no predict; "
            "save the fitted estimator itself"
        )
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise InputError(
            f"model.source: the {type(estimator).__name__} is not fitted; fit it before saving it"
        ) from error
    except TypeError:
        return  # no scikit-learn estimator, but it predicts


def _probabilities_of(estimator: Any) -> Callable[[Any], Any]:
    name = _class_of(estimator)
    if not hasattr(estimator, "predict_proba"):
        if _is(estimator, "regressor"):
            raise InputError(
                f"model.output: the {name} is a regressor and gives no probabilities; set model.output: value"
            )
        raise InputError(
            f"model.output: the {name} has no predict_proba; wrap it in sklearn.calibration.CalibratedClassifierCV"
        )
    function: Callable[[Any], Any] = estimator.predict_proba
    return function


def _logits_of(estimator: Any) -> Callable[[Any], Any]:
    if not hasattr(estimator, "decision_function"):
        raise InputError(f"model.output: the {_class_of(estimator)} has no decision_function, which gives logits")
    return _BothScores(estimator)


@dataclass(frozen=True, eq=False)
class _BothScores:
    """A decision function with a column for each class; of two classes the first one's score is the negative."""

    estimator: Any

    def __call__(self, rows: Any) -> np.ndarray:
        scores = np.asarray(self.estimator.decision_function(rows))
        return np.column_stack([-scores, scores]) if scores.ndim == 1 else scores


def _values_of(estimator: Any) -> Callable[[Any], Any]:
    if _is(estimator, "classifier"):
        name = _class_of(estimator)
        raise InputError(f"model.output: the {name} is a classifier; set model.output: probability")
    function: Callable[[Any], Any] = estimator.predict
    return function


def _classes_of(estimator: Any) -> tuple[str, ...]:
    labels = getattr(estimator, "classes_", None)
    if labels is None:
        raise InputError(f"model.source: the {_class_of(estimator)} has no classes_, so its classes have no names")
    if isinstance(labels, list) and any(hasattr(label, "__len__") and not isinstance(label, str) for label in labels):
        raise InputError(f"model.source: the model gives {len(labels)} outputs at once; explain one at a time")
    return class_names(list(labels))


def _is(estimator: Any, what: Literal["classifier", "regressor"]) -> bool:
    from sklearn.base import is_classifier, is_regressor  # noqa: PLC0415 - slow to import, and only a model needs it

    try:
        return bool(is_classifier(estimator) if what == "classifier" else is_regressor(estimator))
    except Exception:  # noqa: BLE001 - no scikit-learn estimator: it has no tags, and the question no answer
        return False


def _class_of(estimator: Any) -> str:
    return type(estimator.estimator if isinstance(estimator, boosting.Boosted) else estimator).__name__
