"""A model behind HTTP: an MLflow scoring server, or an endpoint of KServe's v2 protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from limekiln.errors import InputError, PredictionError, RunError
from limekiln.models import http_protocols, http_sending
from limekiln.models.answers import numbers
from limekiln.models.extras import need
from limekiln.models.http_protocols import Tensor
from limekiln.models.model import Model, Output, output_names
from limekiln.record import Notice
from limekiln.settings import HttpModel
from limekiln.values import Instances, part

_WAY_OUT: Final[dict[str, str]] = {
    "mlflow": "serve one that gives probabilities: for scikit-learn, save it with "
    'mlflow.sklearn.save_model(…, pyfunc_predict_fn="predict_proba")',
    "kserve-v2": "name the output that holds probabilities in model.source.result",
}


@dataclass(frozen=True)
class Endpoint:
    """Asks an endpoint for predictions. It holds settings only, and travels by value; connections are each process's.

    Attributes:
        source: what the config says.
        classes: C names of the outputs.
        output: what the numbers are.
    """

    source: HttpModel
    classes: tuple[str, ...]
    output: Output

    def __call__(self, instances: Instances) -> np.ndarray:
        """Predict n instances, `batch` of them in a request.

        Returns:
            (n, C) or (n,) numbers.

        Raises:
            PredictionError: the endpoint refuses instances, or answers with other rows than it was asked for.
            RunError: it cannot be used at all; no instance is at fault, so that the run stops.
        """
        size = self.source.batch
        answers = [self._asked(part(instances, s, s + size)) for s in range(0, len(instances), size)]
        return np.concatenate(answers)

    def _asked(self, batch: Instances) -> np.ndarray:
        ask = _mlflow if self.source.protocol == "mlflow" else _kserve
        found = numbers(
            ask(self.source, batch), classes=self.classes, output=self.output, way_out=_WAY_OUT[self.source.protocol]
        )
        rows = found.shape[0] if found.ndim else 0
        if rows != len(batch):
            raise PredictionError(f"the endpoint gives {rows} rows for the {len(batch)} that it was asked for")
        return found


def connect(source: HttpModel, output: Output, outputs: Sequence[str]) -> Model:
    """Make a Model of an endpoint; nothing is sent yet.

    Raises:
        InputError: httpx is missing, or the token's variable is not set.
    """
    need("httpx", "http", "model.source.kind: http")
    try:
        http_sending.token(source)
    except RunError as error:
        raise InputError(str(error)) from None
    names = output_names(output, outputs if output == "value" else source.classes)
    place = http_sending.shown(source.url)
    return Model(
        predict=Endpoint(source, names, output),
        classes=names,
        output=output,
        features=None,
        kind=source.kind,
        description=f"{place} ({source.protocol})",
        sha256=None,
        notices=tuple(_notices(source, place)),
    )


def _notices(source: HttpModel, place: str) -> list[Notice]:
    text = f"The model answers at {place}; no hash pins it: a later run cannot tell whether it changed."
    notices = [Notice(code="model_not_pinned", text=text)]
    parts = urlsplit(source.url)
    if parts.scheme == "http" and not http_sending.is_here(source.url):
        what = "The rows and the token" if source.token_env else "The rows"
        text = f"{what} travel to {parts.hostname} unencrypted (http); use https beyond this machine."
        notices.append(Notice(code="endpoint_not_encrypted", text=text))
    return notices


def _mlflow(source: HttpModel, batch: Instances) -> Any:
    body = http_protocols.mlflow_body(batch)
    return http_protocols.mlflow_answer(http_sending.ask(source, "POST", source.url, body))


def _kserve(source: HttpModel, batch: Instances) -> np.ndarray:
    body = http_protocols.kserve_body(batch, _declared(source), source.result)
    return http_protocols.kserve_answer(http_sending.ask(source, "POST", source.url, body), source.result)


@lru_cache(maxsize=16)
def _declared(source: HttpModel) -> tuple[Tensor, ...]:
    """The inputs that the server's metadata declare, asked for once a process; empty where it gives no metadata."""
    place, slash, last = source.url.rpartition("/infer")
    if not slash or last:
        return ()
    try:
        return http_protocols.kserve_inputs(http_sending.ask(source, "GET", place))
    except http_sending.NotThereError:
        return ()  # a server need not have them
