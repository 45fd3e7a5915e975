"""What explanations of images must show: the parts they name matter to the model, and lie on their object."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from limekiln import config, kiln
from limekiln.bench import Bench
from limekiln.domains.images import Picture
from limekiln.drivers.parts import PartsDriver
from limekiln.fanout import executor
from limekiln.local.parts import explain_all_outputs
from limekiln.settings import ClusterSettings
from limekiln.values import Array

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
HIDDEN: Final = 3
DRAWS: Final = 10
TIMES: Final = 5


@dataclass(frozen=True)
class Explained:
    """An image in its parts, what the model says of it (C,), and the weights of its parts for each class (C, d)."""

    parts: Picture
    predicted: Array
    weights: Array


class Explainer:
    """Explains images of an example as a run of it does."""

    def __init__(self, name: str, *overrides: str) -> None:
        loaded = config.load(EXAMPLES / name / "config.yaml", list(overrides))
        self.inputs = kiln.read_inputs(loaded)
        with executor(ClusterSettings(scheduler="inline")) as workers:
            self.driver = PartsDriver(self.inputs, loaded.settings, Bench(workers))

    def explained(self, position: int) -> Explained:
        cell, key = self.driver._cell(position), int(self.driver._keys(np.array([position]))[0])
        predicted = self.asked(np.asarray(self.driver.kind.domain.decode(cell))[None])[0]
        parts, model = explain_all_outputs(self.driver._job(), cell, key, predicted)
        assert isinstance(parts, Picture)
        return Explained(parts, predicted, model.coef[0])

    def asked(self, images: np.ndarray) -> Array:
        outputs, failed = self.inputs.ref.predict_rows(images)
        assert not failed
        return outputs

    def drops(self, position: int, rng: np.random.Generator) -> tuple[float, float]:
        """How far the winning class falls when its heaviest parts are hidden, and when as many others are."""
        it = self.explained(position)
        winner = int(it.predicted.argmax())
        kept = np.ones((1 + DRAWS, it.parts.size), dtype=bool)
        kept[0, np.argsort(-it.weights[winner])[:HIDDEN]] = False
        for row in kept[1:]:
            row[rng.choice(it.parts.size, HIDDEN, replace=False)] = False
        falls = it.predicted[winner] - self.asked(it.parts.compose(kept))[:, winner]
        return float(falls[0]), float(falls[1:].mean())


def times_more(drops: Sequence[tuple[float, float]]) -> float:
    """The median over images of the first drop over the second; one that does not fall at all counts as nothing."""
    return float(np.median([top / max(other, 1e-6) for top, other in drops]))


@pytest.mark.slow  # the network is asked 3,000 times, in two minutes
def test_hiding_what_weighs_most_in_a_photograph_matters_five_times_as_much_as_hiding_anything() -> None:
    photos = Explainer("photos")
    rng = np.random.default_rng(3)
    drops = [photos.drops(i, rng) for i in range(len(photos.inputs.frame.keys))]
    assert len(drops) == 20
    print("photos:", times_more(drops), np.median(drops, axis=0))  # noqa: T201 - shown with -s, quoted in the docs
    assert times_more(drops) >= TIMES


@pytest.mark.parametrize("hide", ["average.png", "#000000"])
def test_hiding_what_weighs_most_in_a_digit_matters_five_times_as_much_as_hiding_anything(hide: str) -> None:
    digits = Explainer("digits", f'data.images.hide="{hide}"')
    rng = np.random.default_rng(3)
    drops = [digits.drops(int(i), rng) for i in rng.choice(len(digits.inputs.frame.keys), 60, replace=False)]
    print("digits:", hide, times_more(drops), np.median(drops, axis=0))  # noqa: T201 - shown with -s, quoted in the docs
    assert times_more(drops) >= TIMES


def test_of_two_objects_in_one_picture_each_class_finds_its_own() -> None:
    both = Explainer("photos", "data.source.path=two", "data.target=null")
    it = both.explained(0)
    classes = list(both.inputs.model.classes)
    left = (it.parts.parts[:, : it.parts.parts.shape[1] // 2], it.parts.parts[:, it.parts.parts.shape[1] // 2 :])
    pixels = [np.bincount(half.ravel(), minlength=it.parts.size) for half in left]
    on_the_left = pixels[0] / (pixels[0] + pixels[1])
    share = {}
    for name in ("cat", "coffee"):
        positive = np.maximum(it.weights[classes.index(name)], 0)
        share[name] = float(positive @ on_the_left / positive.sum())
    print("two objects, share of the positive weight on the left:", share, it.predicted)  # noqa: T201 - the same
    assert share["cat"] > 0.75
    assert share["coffee"] < 0.25
