"""Asking a model and checking what it says: rows, classes, finiteness, range. Once, here, for every model."""

import io
import warnings
from contextlib import redirect_stdout
from typing import Any, Final

import numpy as np

from limekiln.errors import InputError, PredictionError, RunError
from limekiln.models.model import Model, label_text
from limekiln.models.quiet import quiet
from limekiln.record import Notice
from limekiln.values import Array, Fresh, Instances, Outputs, chosen, part

TOLERANCE: Final = 1e-6
"""How far a probability may lie outside 0 to 1, and a row's sum from 1."""
MESSAGE_LENGTH: Final = 500
GIVE_UP_AFTER: Final = 32
"""Rows that fail one by one, while none has ever succeeded, until the rest of a batch is given up."""
_ROW_DIMENSIONS: Final = 2


def predict_checked(model: Model, instances: Instances) -> Array:
    """Predict instances, all or none.

    Args:
        model: the model.
        instances: n of them; the model gets a copy.

    Returns:
        (n, C) probabilities, logits or values.

    Raises:
        PredictionError: the model raised, or what came back is no prediction; the message says what it was.
    """
    outputs = _asked(model, instances, 0, len(instances))
    if bad := _bad_rows(model, outputs):
        row, reason = bad[0]
        more = f", and {len(bad) - 1} more of {len(instances)} rows" if len(bad) > 1 else ""
        raise PredictionError(f"the model gave {reason} in row {row}{more}")
    return outputs


def predict_rows(model: Model, instances: Instances | Fresh) -> Outputs:
    """Predict each row that can be predicted.

    The whole batch is tried first; where the model raises, halves of it are, until the rows that it cannot
    take stand alone. The same instances always take the same path.

    Args:
        model: the model.
        instances: n of them; the model gets copies, or ones made for it.

    Returns:
        (n, C) predictions, NaN in the rows that failed, and each such row's position with the reason.
    """
    outputs = np.full((len(instances), len(model.classes)), np.nan)
    failed: dict[int, str] = {}
    succeeded = False
    waiting = [(0, len(instances))] if len(instances) else []
    while waiting:
        start, stop = waiting.pop()
        try:
            outputs[start:stop] = _asked(model, instances, start, stop)
            succeeded = True
        except PredictionError as error:
            alone = stop - start == 1
            hopeless = not succeeded and len(failed) >= GIVE_UP_AFTER
            if alone or hopeless:
                failed |= dict.fromkeys(range(start, stop), str(error))
            else:
                middle = (start + stop) // 2
                waiting += [(middle, stop), (start, middle)]
    failed |= {row: f"the model gave {reason}" for row, reason in _bad_rows(model, outputs) if row not in failed}
    outputs[list(failed)] = np.nan
    return outputs, [(row, _short(reason)) for row, reason in sorted(failed.items())]


def probe(model: Model, instances: Instances) -> tuple[Notice, ...]:
    """Ask for the same instances twice, and say what a reader should know: warnings, or answers that differ.

    Raises:
        PredictionError: as `predict_checked` does.
    """
    with warnings.catch_warnings(record=True) as caught, redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        first = _called(model, part(instances, 0, len(instances)))
    _shaped(model, first, len(instances))
    notices: dict[type[Warning], Notice] = {}
    for warning in caught:
        if not _is_noise(warning):
            text = _short(_told(model, str(warning.message), instances))
            sentence = f"The model warns when it predicts ({warning.category.__name__}): {text}"
            notices.setdefault(warning.category, Notice(code="model_warns", text=sentence))
    if not np.array_equal(predict_checked(model, instances), predict_checked(model, instances)):
        text = "The model gives different predictions for the same rows: this run cannot be reproduced."
        return (*notices.values(), Notice(code="not_reproducible", text=text))
    return tuple(notices.values())


def compare_decisions(model: Model, instances: Instances) -> tuple[Notice, ...]:
    """Say so where the model's own `predict` is not its likeliest class, as with a threshold other than the largest.

    Explanations go by the likeliest class. Only a model that is a method of an estimator has decisions to compare.
    """
    decide = getattr(getattr(model.predict, "__self__", None), "predict", None)
    if model.task != "classification" or decide is None or decide == model.predict:
        return ()
    outputs, failed = predict_rows(model, instances)
    keep = sorted(set(range(len(instances))) - {row for row, _ in failed})
    with quiet():
        decided = [label_text(label) for label in np.asarray(decide(chosen(instances, keep)), dtype=object)]
    if not set(decided) <= set(model.classes):
        return ()  # a `predict` that names no classes, such as a network's
    likeliest = [model.classes[c] for c in outputs[keep].argmax(axis=1)]
    different = sum(a != b for a, b in zip(decided, likeliest, strict=True))
    if not different:
        return ()
    text = (
        f"In {different:,} of the first {len(keep):,} rows the model decides for another class than its likeliest one "
        "(it has a threshold of its own). Classes and accuracy in this report go by the likeliest class."
    )
    return (Notice(code="decisions_differ", text=text),)


def _is_noise(warning: warnings.WarningMessage) -> bool:
    """Deprecations are for the model's authors; unnamed columns have a notice of their own."""
    deprecated = issubclass(warning.category, DeprecationWarning | PendingDeprecationWarning | FutureWarning)
    return deprecated or "was fitted without feature names" in str(warning.message)


def _asked(model: Model, instances: Instances | Fresh, start: int, stop: int) -> Array:
    with quiet():
        answer = _called(model, part(instances, start, stop))
    return _shaped(model, answer, stop - start)


def _called(model: Model, instances: Instances) -> Any:
    seen = instances if model.discretion is None else part(instances, 0, len(instances))  # the model may change its own
    try:
        return model.predict(instances)
    except (RunError, InputError) as error:
        # an endpoint's trouble or the config's, not the rows'; a PredictionError says what it is
        if model.discretion is None:
            raise
        raise type(error)(model.discretion(str(error), seen)) from None
    except MemoryError:
        raise  # the machine's trouble
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the model's code may raise anything
        reason = _told(model, str(error), seen)
        # where the message may tell too much, so may the one that --debug would show beneath it
        raise PredictionError(_short(f"{type(error).__name__}: {reason}" if reason else type(error).__name__)) from (
            error if model.discretion is None else None
        )


def _told(model: Model, message: str, instances: Instances) -> str:
    """What the model's code says, on one line, as far as it may be told."""
    line = " ".join(message.split())
    return line if model.discretion is None or not line else model.discretion(line, instances)


def _shaped(model: Model, answer: Any, n: int) -> Array:
    """What a model gave as (n, C) floats. Raises PredictionError where it is nothing like that."""
    try:
        found = np.asarray(answer)
        if answer is None or found.dtype.kind not in "biufO":
            raise TypeError("no numbers")  # noqa: TRY301 - one message for all that is none
        outputs = found.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise PredictionError(f"the model gave {_what(answer)}, expected numbers") from error
    if model.task == "regression" and len(model.classes) == 1 and outputs.shape == (n,):
        return outputs[:, None]
    expected = (n, len(model.classes))
    if outputs.shape == expected:
        return outputs
    shown = f"the model gave an array of shape {outputs.shape}, expected {expected}"
    if model.task == "regression":
        several = ": one column an output of model.outputs" if len(model.classes) > 1 else ": one value a row"
        raise PredictionError(f"{shown}{several}")
    names = ", ".join(f'"{name}"' for name in model.classes[:5]) + (", …" if len(model.classes) > 5 else "")  # noqa: PLR2004 - as shown
    hint = "; a binary model too gives both columns" if expected[1] == _ROW_DIMENSIONS else ""
    raise PredictionError(f"{shown}: one column a class ({names}){hint}")


def _what(answer: Any) -> str:
    if answer is None:
        return "nothing (None)"
    shape = getattr(answer, "shape", None)
    kind = getattr(answer, "dtype", None)
    return f"a {type(answer).__name__}" + (f" of shape {shape}" if shape else "") + (f" of {kind}" if kind else "")


def _bad_rows(model: Model, outputs: Array) -> list[tuple[int, str]]:
    """Rows whose numbers are no prediction, with the reason."""
    finite = np.isfinite(outputs).all(axis=1)
    bad = ~finite
    if model.output == "probability":
        with np.errstate(invalid="ignore"):
            outside = ((outputs < -TOLERANCE) | (outputs > 1 + TOLERANCE)).any(axis=1)
            bad |= outside | (np.abs(outputs.sum(axis=1) - 1) > TOLERANCE)
    return [(int(row), _wrong(outputs[row])) for row in np.flatnonzero(bad)]


def _wrong(row: Array) -> str:
    if not np.isfinite(row).all():
        return f"{_numbers(row)}, which is not finite"
    if (row < -TOLERANCE).any() or (row > 1 + TOLERANCE).any():
        logits = "logits need a softmax first (a network's model.source.activation), or model.output: logit"
        return f"{_numbers(row)}, which are no probabilities from 0 to 1; {logits}"
    return f"{_numbers(row)}, which sum to {row.sum():.9g} and not to 1"


def _numbers(row: Array) -> str:
    shown = ", ".join(f"{value:.6g}" for value in row[:5])
    return f"[{shown}{', …' if len(row) > 5 else ''}]"  # noqa: PLR2004 - as shown


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_LENGTH else f"{text[: MESSAGE_LENGTH - 1]}…"
