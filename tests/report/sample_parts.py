"""Finished runs of texts, images, series, logits and several values, made by hand for the report's tests."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from PIL import Image

from limekiln.record import (
    TABLES,
    ClassFacts,
    Fidelity,
    Layout,
    Mark,
    Pick,
    PickedRow,
    RunRecord,
    Score,
    Series,
)
from report import sample_record as sample

Domain = Literal["text", "images", "sequences"]
Show = Callable[[PickedRow, int], Mapping[str, object]]
"""What is added to a picked row; the number counts distinct rows."""

HOSTILE = 'Say <b>not</b> & "why"; {{7*7}} it\'s\n\u202egnirts\u202c <script>alert(1)</script> \x00 end\u200d.'
LETTER = (
    "Subject: your parcel\n\nDear customer, we tried to deliver your parcel this morning and nobody was at home. To "
    "arrange a new delivery, please pay the outstanding fee of 2.99 within one day. You can claim a free prize if you "
    "reply now. Regards, the delivery team. "
)
CARDS = (
    "Free entry in a weekly prize draw! Text WIN to 80086 now to claim your cash prize.",
    "I'll be home late tonight, don't wait with dinner. Love you",
    LETTER,
    LETTER * 8,
    HOSTILE,
)
WORDS = ("free", "prize", "claim", "win", "text", "cash", "now", "home", "late", "tonight", "love", "dinner", "not")


def texts() -> RunRecord:
    """Two classes of messages; a short text, a long one, a very long one and a hostile one are picked."""
    record = _of(
        sample.make(classes={"spam": 120, "ham": 480}, features=WORDS, title="What makes a message spam", model="SMS",
                    budget=5),
        "text",
        parts="The features are the words of the texts in lower case; each word is hidden wherever it occurs.",
        hidden="removed",
    )  # fmt: skip
    return _shown(_opposed(record), lambda _, k: {"marks": marks(CARDS[k % len(CARDS)])})


def digits() -> RunRecord:
    """Ten classes of pictures on a grid of 8 × 8 cells."""
    layout = _grid(8, 8)
    record = _of(
        sample.make(classes={str(i): 60 + i for i in range(10)}, features=layout.features, title="Handwritten digits",
                    model="Digits", budget=4),
        "images", layout=layout,
        parts="The features are the 8 × 8 cells of a grid that is the same for all images.", hidden="#000000",
    )  # fmt: skip
    return _pictured(_planed(record, layout), {})


def photos() -> RunRecord:
    """Three classes of a thousand, told by concepts with their patches."""
    features = tuple(f"concept {i}" for i in range(1, 13))
    classes = {"tabby cat": 24, "coffee mug, a cup that is taller than it is wide": 18, "rocket": 21}
    record = _of(
        sample.make(classes=classes, features=features, title="Natural images", model="EfficientNet-lite0", budget=3),
        "images",
        parts="The parts of an image are superpixels (slic); the features are up to 12 concepts, groups of superpixels "
        "of all images that look alike.",
        hidden="its own mean colour",
    )
    empty = tuple(_empty_class(f"class {i}", len(features)) for i in range(997))
    results = record.results.model_copy(update={"classes": (*record.results.classes, *empty)})
    patches = {name: [png(i * 7 + k, 72) for k in range(6)] for i, name in enumerate(features)}
    return _pictured(replace(record, results=results), patches)


def series() -> RunRecord:
    """Two classes of series of six channels in eight spans."""
    channels = ("speed", "left wheel", "right wheel", "temperature of the oil", "throttle", "brake")
    spans = tuple(f"steps {10 * k + 1}–{10 * k + 10}" for k in range(8))
    layout = Layout(rows=channels, columns=spans, features=tuple(f"{c}, {s}" for c in channels for s in spans))
    record = _of(
        sample.make(classes={"normal": 300, "worn": 40}, features=layout.features, title="Worn bearings",
                    model="Bearings", budget=3),
        "sequences", layout=layout,
        parts="Each channel is cut into 8 spans of time; the features are the channels' spans.",
        hidden="the channel's mean",
    )  # fmt: skip
    return _shown(_planed(record, layout), lambda row, _: {"series": a_series(layout, row)})


def logits() -> RunRecord:
    """Three classes of a table, explained on the logit scale."""
    record = sample.make(
        classes={"a": 40, "b": 50, "c": 60}, features=("x", "y", "z"), title="Logits", model="Net", budget=2, scale=8.0
    )
    return _model(record, output="logit")


def two_values() -> RunRecord:
    """Two values of each row of a table, explained apart, in one unit."""
    record = sample.make(
        classes={"reconstruction error": 200, "depth": 200}, features=("gas", "age", "flow", "pressure"),
        title="Two scores", model="Auto-encoder", task="regression", budget=3, scale=40.0,
    )  # fmt: skip
    first = record.results.picks[0]
    picks = tuple(
        first.model_copy(update={"scope": c, "rows": tuple(r.model_copy(update={"class_name": c}) for r in first.rows)})
        for c in ("reconstruction error", "depth")
    )
    record = replace(record, results=record.results.model_copy(update={"picks": picks}))
    return _model(record, unit="mm <sup>")


def marks(text: str) -> tuple[Mark, ...]:
    """A text in pieces; every word has a weight that follows from it."""
    pieces, word = [], ""
    for char in [*text, "\n"]:
        if char.isalnum():
            word += char
            continue
        if word:
            pieces.append(Mark(text=word, weight=_weight(word)))
            word = ""
        pieces.append(Mark(text=char, weight=None))
    return tuple(pieces[:-1])


def png(seed: int, side: int) -> bytes:
    """A picture that depends on the seed, with soft colours in blocks."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(60, 220, (4, 4, 3), dtype=np.uint8).repeat(side // 4, 0).repeat(side // 4, 1)
    file = io.BytesIO()
    Image.fromarray(blocks).save(file, format="PNG")
    return file.getvalue()


def a_series(layout: Layout, row: PickedRow) -> Series:
    """Waves, one a channel, with the row's weights on their spans."""
    steps = np.arange(80)
    rng = np.random.default_rng(len(row.row))
    weights = {f.feature: f.weight for f in row.features}
    n = len(layout.columns)
    return Series(
        channels=layout.rows,
        values=tuple(
            tuple(float(f"{v:.4g}") for v in np.sin(steps / (3 + c)) * (c + 1) + rng.normal(0, 0.1, 80))
            for c in range(len(layout.rows))
        ),
        starts=tuple(range(0, 80, 10)),
        weights=tuple(
            tuple(weights.get(f, 0.0) for f in layout.features[c * n : (c + 1) * n]) for c in range(len(layout.rows))
        ),
    )


def _weight(word: str) -> float:
    known = {"free": 0.31, "prize": 0.27, "claim": 0.22, "win": 0.19, "cash": 0.12, "home": -0.24, "love": -0.18}
    return known.get(word.lower(), 0.001 * (sum(map(ord, word)) % 21 - 10))


def _grid(rows: int, columns: int) -> Layout:
    return Layout(
        rows=tuple(f"row {r + 1}" for r in range(rows)),
        columns=tuple(f"column {c + 1}" for c in range(columns)),
        features=tuple(f"row {r + 1}, column {c + 1}" for r in range(rows) for c in range(columns)),
    )


def _of(record: RunRecord, domain: Domain, *, parts: str, hidden: str, layout: Layout | None = None) -> RunRecord:
    """A table's record as one of another domain: no columns, no values, fresh perturbations."""
    results = record.results
    data = results.data.model_copy(
        update={"domain": domain, "features": (), "parts": parts, "layout": layout, "source": f"{domain}/"}
    )
    method = results.method.model_copy(
        update={"pool": "none", "perturbations": 1000, "masks": "kernel", "hidden": hidden, "discretizer": None,
                "kernel_width": 0.25}
    )  # fmt: skip
    classes = tuple(c.model_copy(update={"values": ()}) for c in results.classes)
    picks = tuple(p.model_copy(update={"rows": tuple(map(_plain_row, p.rows))}) for p in results.picks)
    table = record.tables["importances"]
    return replace(
        record,
        results=results.model_copy(
            update={"data": data, "method": method, "classes": classes, "picks": picks, "notices": ()}
        ),
        tables={**record.tables, "importances": table[table["level"] == "feature"].reset_index(drop=True)},
    )


def _plain_row(row: PickedRow) -> PickedRow:
    features = tuple(f.model_copy(update={"raw": "", "value": ""}) for f in row.features[:30])
    keys = tuple(key.partition(": ")[0] for key in row.newly_covered)
    return row.model_copy(update={"features": features, "newly_covered": keys})


def _shown(record: RunRecord, show: Show) -> RunRecord:
    """Every picked row with what it looks like; a row that is picked twice looks the same."""
    order: dict[str, int] = {}

    def rows(pick: Pick) -> tuple[PickedRow, ...]:
        return tuple(r.model_copy(update=show(r, order.setdefault(r.row, len(order)))) for r in pick.rows)

    picks = tuple(p.model_copy(update={"rows": rows(p)}) for p in record.results.picks)
    return replace(record, results=record.results.model_copy(update={"picks": picks}))


def _opposed(record: RunRecord) -> RunRecord:
    """Every third word speaks against its class; spam's words speak against ham."""

    def turned(class_: str, feature: str) -> bool:
        return (WORDS.index(feature) % 3 == 2) != (class_ == "ham")

    def score(class_: str, s: Score) -> Score:
        signs = {"positive": s.negative, "negative": s.positive} if turned(class_, s.feature) else {}
        return s.model_copy(update=signs)

    table = record.tables["importances"].copy()
    flip = [turned(c, f) for c, f in zip(table["class"], table["feature"], strict=True)]
    table.loc[flip, ["positive", "negative"]] = table.loc[flip, ["negative", "positive"]].to_numpy()
    classes = tuple(
        c.model_copy(update={"features": tuple(score(c.name, s) for s in c.features)}) for c in record.results.classes
    )
    results = record.results.model_copy(update={"classes": classes})
    return replace(record, results=results, tables={**record.tables, "importances": table})


def _planed(record: RunRecord, layout: Layout) -> RunRecord:
    """Signed shares that form a shape in the plane: a ring that differs from class to class."""
    table = record.tables["importances"].copy()
    n_columns = len(layout.columns)
    place = {f: divmod(i, n_columns) for i, f in enumerate(layout.features)}
    names = sorted(set(table["class"]))
    net = []
    for c, f in zip(table["class"], table["feature"], strict=True):
        y, x = place[f]
        phase = names.index(c) * 0.7
        net.append(0.9 * np.sin(y / 1.7 + phase) * np.cos(x / 2.1 - phase))
    shape = np.array(net)
    share = np.abs(shape) * 0.06
    table["share"] = share
    table["positive"] = share * (1 + np.sign(shape)) / 2
    table["negative"] = share - table["positive"]
    return replace(record, tables={**record.tables, "importances": table})


def _pictured(record: RunRecord, patches: Mapping[str, Sequence[bytes]]) -> RunRecord:
    rows = dict.fromkeys(row.row for pick in record.results.picks for row in pick.rows)
    pictures = [("pick", row, 1, png(i, 240)) for i, row in enumerate(rows)]
    pictures += [("concept", of, k, made) for of, several in patches.items() for k, made in enumerate(several, 1)]
    table = pd.DataFrame(pictures, columns=list(TABLES["pictures"]))
    return replace(record, tables={**record.tables, "pictures": table})


def _model(record: RunRecord, **changes: object) -> RunRecord:
    model = record.results.model.model_copy(update=changes)
    return replace(record, results=record.results.model_copy(update={"model": model}))


def _empty_class(name: str, n_features: int) -> ClassFacts:
    nothing = Fidelity(median=None, p05=None, p95=None, below_half=None)
    return ClassFacts(name=name, rows=0, fidelity=nothing, n_features=n_features, features=(), values=())
