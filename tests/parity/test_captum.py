"""One PyTorch network against captum's Lime and KernelShap: the same contributions, within sampling error."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytest

from limekiln.domains.masks import Law
from limekiln.local import parts
from limekiln.local.parts import Cells, PartsJob
from limekiln.values import Array, Fresh, Instances, Mask, Outputs, Traits, part

torch = pytest.importorskip("torch", reason="needs limekiln[torch]")
attribution = pytest.importorskip("captum.attr", reason="needs captum, which the tests of parity install")
linear_models = pytest.importorskip("captum._utils.models.linear_model", reason="needs captum")

TOKENS: Final = np.array([3, 9, 4, 17, 11, 5, 8, 14])
PAD: Final = 0
Network = Callable[[Any], Any]


def network(*, linear: bool) -> Network:
    """(n, 8) token ids to (n,) scores: the sum of embeddings, and a hidden layer unless it is linear."""
    torch.manual_seed(2)
    embed, last = torch.nn.Embedding(20, 6), torch.nn.Linear(6, 1)
    hidden, out = torch.nn.Linear(6, 12), torch.nn.Linear(12, 1)

    def forward(ids: Any) -> Any:
        with torch.no_grad():
            pooled = embed(ids).sum(dim=1)
            if linear:
                return last(pooled)[:, 0]
            return torch.sigmoid(2 * out(torch.tanh(hidden(pooled))))[:, 0]

    return forward


@dataclass(frozen=True)
class Sentence:
    """Token ids, which are padding where they are hidden."""

    size: int = len(TOKENS)

    def compose(self, kept: Mask) -> Instances:
        return np.where(kept, TOKENS, PAD)

    def traits(self) -> Traits:
        return {"token": TOKENS}


@dataclass(frozen=True)
class Sentences:
    law: Law = "coin"

    @property
    def least(self) -> int:
        return 1

    def decode(self, cell: object) -> str | np.ndarray:
        return np.asarray(cell)

    def decompose(self, cell: object, seed: int) -> Sentence:
        assert np.array_equal(np.asarray(cell), TOKENS)
        assert seed >= 0
        return Sentence()


@dataclass(frozen=True)
class Model:
    forward: Network

    def predict_rows(self, instances: Instances | Fresh) -> Outputs:
        asked = part(instances, 0, len(instances))
        return self.forward(torch.as_tensor(np.asarray(asked))).numpy().astype(np.float64)[:, None], []


def ours(forward: Network, width: float = 0.25) -> Array:
    """From all 256 masks; so many perturbations are asked for that the ridge weighs nothing beside them."""
    model = Model(forward)
    job = PartsJob(Sentences(), model, 1_000_000, 100, "kernel", width, "none", None, 0, 0.0)
    predicted, _ = model.predict_rows(TOKENS[None])
    row = np.zeros(1, dtype=np.int64)
    found = parts.explain_parts(job, Cells(row, row.astype(np.uint64), (TOKENS,), predicted, row))
    assert found.model_rows == 2 ** len(TOKENS)
    return found.explanations.weights


def of_kept(forward: Network) -> Network:
    """The network as captum asks it: (n, 8) of 1 where a token is kept."""
    return lambda kept: forward(torch.where(kept > 0, torch.as_tensor(TOKENS), PAD))


def captums_lime(forward: Network, n: int, seed: int) -> Array:
    """captum draws tokens by the toss of a coin, as lime does for images; kernel and regression are lime's."""

    def proximity(_original: Any, _perturbed: Any, kept: Any, **_: Any) -> Any:
        return torch.exp(-8 * (1 - torch.sqrt(kept.float().mean())) ** 2)

    torch.manual_seed(seed)
    lime = attribution.Lime(
        of_kept(forward), interpretable_model=linear_models.SkLearnLinearRegression(), similarity_func=proximity
    )
    ones = torch.ones(1, len(TOKENS))
    found = lime.attribute(ones, baselines=torch.zeros_like(ones), n_samples=n, perturbations_per_eval=100)
    return np.asarray(found[0].numpy(), dtype=np.float64)


def test_a_network_gets_captums_weights_within_sampling_error() -> None:
    forward = network(linear=False)
    runs = np.array([captums_lime(forward, 400, seed) for seed in range(16)])
    error = runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
    weights = ours(forward)
    assert (np.abs(runs.mean(axis=0) - weights) <= 3 * error).all()
    assert error.max() < 0.05 * np.abs(weights).max(), "the comparison is sharp"
    elsewhere = np.abs(runs.mean(axis=0) - ours(forward, width=0.05))
    assert (elsewhere > 3 * error).any(), "another kernel would be told apart"


def test_a_linear_network_gets_the_contribution_of_each_token_from_all_three() -> None:
    forward = network(linear=True)
    alone = np.full((len(TOKENS) + 1, len(TOKENS)), PAD)
    np.fill_diagonal(alone, TOKENS)
    scores, _ = Model(forward).predict_rows(alone)
    truth = scores[:-1, 0] - scores[-1, 0]
    np.testing.assert_allclose(ours(forward), truth, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(captums_lime(forward, 60, 0), truth, rtol=1e-4, atol=1e-5)
    torch.manual_seed(0)
    ones = torch.ones(1, len(TOKENS))
    shap = attribution.KernelShap(of_kept(forward))
    found = shap.attribute(ones, baselines=torch.zeros_like(ones), n_samples=60)
    np.testing.assert_allclose(found[0].numpy(), truth, rtol=1e-3, atol=1e-4)
