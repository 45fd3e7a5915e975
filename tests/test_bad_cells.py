"""Texts, images and series that cannot be explained: each is one failed row with its reason, and the rest is done."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from ruamel.yaml import YAML

from limekiln import config, kiln
from limekiln.errors import InputError, RunError

CODE = """
import numpy as np

def of_texts(texts):
    p = np.array([min(len(t), 99) / 100 for t in texts])
    return np.column_stack([p, 1 - p])

def of_images(images):
    p = images.reshape(len(images), -1).mean(axis=1) / 256
    return np.column_stack([p, 1 - p])

def of_series(series):
    p = 1 / (1 + np.exp(-series.mean(axis=(1, 2))))
    return np.column_stack([p, 1 - p])

def logits(texts):
    return np.array([[2.5, -1.0]] * len(texts))

def holes(texts):
    return np.array([[np.nan, 0.5]] * len(texts))

def one_column(texts):
    return np.array([0.5] * len(texts))

def fussy(texts):
    if any("poison" not in t for t in texts):
        raise ValueError("no poison in here")
    return of_texts(texts)
"""


def run(folder: Path, data: dict[str, Any], function: str, **explain: Any) -> kiln.Finished:
    (folder / "ours.py").write_text(CODE, "utf-8")
    told = {
        "model": {"name": "m", "source": {"kind": "python", "path": f"ours:{function}", "classes": ["a", "b"]}},
        "data": data,
        "explain": {"perturbations": 60, "max_failed_fraction": 0.8, **explain},
        "pick": {"budget": 2},
        "report": {"formats": ["html"]},
        "cluster": {"scheduler": "inline"},
    }
    path = folder / "config.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(told, file)
    return kiln.run(config.load(path))


def failures(finished: kiln.Finished) -> dict[str, str]:
    table = finished.record.tables["failures"]
    counts = finished.record.results.counts
    assert counts.requested == counts.explained + counts.failed
    assert counts.failed == len(table)
    assert (finished.folder / "report.html").exists()
    return dict(zip(table["row"], table["error"], strict=True))


def texts(folder: Path, *told: str | None) -> dict[str, Any]:
    pd.DataFrame({"text": told}).to_parquet(folder / "t.parquet")
    return {
        "domain": "text",
        "source": {"kind": "parquet", "path": "t.parquet"},
        "column": "text",
        "redact": {"text": "show"},
    }


def test_texts_without_a_word_fail_and_a_text_of_one_word_is_explained(tmp_path: Path) -> None:
    finished = run(tmp_path, texts(tmp_path, "a fine day", "", "  \n", None, "?!", "one"), "of_texts")
    assert failures(finished) == {
        "1": "the text is blank",
        "2": "the text is blank",
        "3": "the text is missing",
        "4": "the text has no token that could be hidden",
    }
    codes = [n.code for n in finished.record.results.notices]
    assert "texts_of_one_token" in codes


def test_a_text_of_very_many_words_is_capped_with_a_notice(tmp_path: Path) -> None:
    data = {**texts(tmp_path, " ".join(f"w{i}" for i in range(3000)), "short one"), "text": {"max_tokens": 40}}
    finished = run(tmp_path, data, "of_texts")
    assert failures(finished) == {}
    [notice] = [n for n in finished.record.results.notices if n.code == "texts_capped"]
    assert notice.text.startswith("1 of the 2 explained texts have more than 40 different tokens")
    assert finished.record.results.data.n_features == 42


def png(*shape: int, mode: str = "RGB") -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (*shape, len(mode)), dtype=np.uint8)
    held = io.BytesIO()
    Image.fromarray(pixels.squeeze() if mode == "L" and min(shape) > 1 else pixels, mode=None).save(held, "PNG")
    return held.getvalue()


def test_damaged_and_tiny_images_fail_and_odd_ones_are_converted_with_a_notice(tmp_path: Path) -> None:
    place = tmp_path / "images"
    place.mkdir()
    whole = png(24, 24)
    (place / "a-whole.png").write_bytes(whole)
    (place / "b-cut.png").write_bytes(whole[: len(whole) // 2])
    (place / "c-pixel.png").write_bytes(png(1, 1))
    (place / "d-text.png").write_bytes(b"not an image at all")
    (place / "e-clear.png").write_bytes(png(24, 24, mode="RGBA"))
    deep = Image.fromarray(np.arange(576, dtype=np.uint16).reshape(24, 24) * 100)
    deep.save(place / "f-deep.png")
    data = {
        "domain": "images", "source": {"kind": "folder", "path": "images"},
        "images": {"parts": "grid", "grid": [3, 3], "max_pixels": 1000}, "redact": {"file": "show"},
    }  # fmt: skip
    (place / "g-bomb.png").write_bytes(png(40, 40))
    finished = run(tmp_path, data, "of_images")
    told = failures(finished)
    assert set(told) == {"b-cut.png", "c-pixel.png", "d-text.png", "g-bomb.png"}
    assert "truncated or damaged" in told["b-cut.png"]
    assert "single part" in told["c-pixel.png"]
    assert "no image that can be read" in told["d-text.png"]
    assert "1,600 pixels, more than data.images.max_pixels (1,000)" in told["g-bomb.png"]
    notices = " ".join(n.text for n in finished.record.results.notices if n.code == "images_converted")
    assert "transparency" in notices
    assert "more than 8 bits" in notices


def test_series_of_other_lengths_are_explained_and_of_other_channels_fail(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cells: list[Any] = [rng.normal(size=(n, 2)).tolist() for n in (12, 12, 7, 12)]
    cells += [rng.normal(size=(12, 3)).tolist(), [], [[1.0, None]] * 6]
    pd.DataFrame({"wave": cells}).to_json(tmp_path / "s.jsonl", orient="records", lines=True)
    data = {
        "domain": "sequences", "source": {"kind": "jsonl", "path": "s.jsonl"}, "column": "wave",
        "sequences": {"segments": 3},
    }  # fmt: skip
    finished = run(tmp_path, data, "of_series")
    told = failures(finished)
    assert set(told) == {"4", "5", "6"}
    assert all(reason for reason in told.values())


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("logits", "logits need a softmax first .*, or model.output: logit"),
        ("holes", "not finite"),
        ("one_column", "one column a class"),
    ],
)
def test_a_model_that_gives_no_probabilities_is_refused_with_the_way_out(
    tmp_path: Path, function: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        run(tmp_path, texts(tmp_path, "a b c", "d e f"), function)


def test_a_model_that_refuses_what_is_left_of_a_text_fails_the_row(tmp_path: Path) -> None:
    data = texts(tmp_path, "poison in the well", "more poison for all")
    with pytest.raises(RunError, match="no poison in here"):
        run(tmp_path, data, "fussy", max_failed_fraction=0.05)
