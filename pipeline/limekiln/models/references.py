"""How a worker gets hold of a model: by path and hash, loaded once a process; or the model itself."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

from limekiln.models.checked import predict_rows
from limekiln.models.loading import load
from limekiln.models.model import Model, Output
from limekiln.redaction import Discretion
from limekiln.settings import ModelSource
from limekiln.values import Fresh, Instances, Outputs

_KEPT: Final = 4


@dataclass(frozen=True)
class ModelRef:
    """A model by its place: small to send, loaded where it is used, once a process."""

    source: ModelSource
    folder: Path
    output: Output
    outputs: tuple[str, ...] = ()

    def resolve(self) -> Model:
        """Load the model, or give the one that this process has loaded already.

        Raises:
            InputError: as `load` does.
        """
        return _loaded(self)

    def pinned(self) -> "ModelRef":
        """Give the same reference with the hash of the file as it is now, so that no worker loads another one."""
        if self.source.kind in {"python", "http"}:
            return self
        sha256 = self.resolve().sha256
        return replace(self, source=self.source.model_copy(update={"sha256": sha256}))

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        """Predict each instance; see `checked.predict_rows`."""
        return predict_rows(self.resolve(), instances)


@dataclass(frozen=True, eq=False)
class InMemory:
    """A model that is there already; it travels whole, by cloudpickle."""

    model: Model

    def resolve(self) -> Model:
        """Give the model."""
        return self.model

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        """Predict each instance; see `checked.predict_rows`."""
        return predict_rows(self.model, instances)


@dataclass(frozen=True, eq=False)
class Discreet:
    """A model whose messages tell nothing of its instances that may not be told."""

    ref: ModelRef | InMemory
    discretion: Discretion

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        """Predict each instance; see `checked.predict_rows`."""
        return predict_rows(replace(self.ref.resolve(), discretion=self.discretion), instances)


@lru_cache(maxsize=_KEPT)
def _loaded(ref: ModelRef) -> Model:
    return load(ref.source, ref.folder, ref.output, ref.outputs)
