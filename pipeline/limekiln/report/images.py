"""The pictures of a run: of picked rows, and of concepts by their most typical patches."""

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from limekiln.record import ALL_CLASSES, LocalFeature, Results, RunRecord
from limekiln.report.names import name
from limekiln.report.voice import Voice
from limekiln.report.words import number, signed

PATCHES: Final = 6
_HEAVIEST: Final = 3
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_HEADER: Final = 24  # the signature, and the first chunk as far as the image's size


@dataclass(frozen=True)
class Image:
    """A picture inside the report; `key` names its style on a screen where it is shown more than once."""

    source: str
    alt: str
    width: int
    height: int
    key: str = ""


def image(png: bytes, alt: str, key: str = "") -> Image | None:
    """A PNG as an image that needs no file; None where the bytes are none."""
    if len(png) < _HEADER or not png.startswith(_SIGNATURE):
        return None
    width, height = struct.unpack(">II", png[16:_HEADER])
    return Image(f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}", alt, width, height, key)


def picked(record: RunRecord) -> Mapping[tuple[str, str], bytes]:
    """The pictures of picked rows by row and class; of a row picked for several values, in the values' order."""
    found: dict[tuple[str, str], bytes] = {}
    classes = _picked_for(record.results)
    seen: dict[str, int] = {}
    for _, of, _, png in _stored(record, "pick"):
        place = seen.get(of, 0)
        seen[of] = place + 1
        if place < len(classes.get(of, ())):
            found[of, classes[of][place]] = png
    return found


def concepts(record: RunRecord) -> Mapping[str, tuple[Image, ...]]:
    """The most typical patches of each concept, by its name."""
    found: dict[str, list[Image]] = {}
    rows = sorted(_stored(record, "concept"), key=lambda row: row[2])
    for i, (_, of, order, png) in enumerate(rows):
        made = image(png, f"{name(of, 40).short}, patch {order}", f"patch-{i + 1}")
        if made is not None and len(found.setdefault(of, [])) < PATCHES:
            found[of].append(made)
    return {of: tuple(images) for of, images in found.items()}


def heaviest(features: Sequence[LocalFeature]) -> str:
    """The parts that weigh most, as an alternative text lists them."""
    ranked = sorted(features, key=lambda f: -abs(f.weight))[:_HEAVIEST]
    told = [f"{name(f.feature, 40).short} ({signed(f.weight)})" for f in ranked if f.weight]
    if not told:
        return "no part has any weight"
    return f"{'the heaviest part' if len(told) == 1 else f'the {len(told)} heaviest parts'}: {', '.join(told)}"


def described(row: str, class_: str, predicted: float, features: Sequence[LocalFeature], says: Voice) -> str:
    """The alternative text of a row's picture or chart."""
    what = f"{says.row.title} {name(row, 40).short}"
    label = name(class_, 40).short
    given = says.given(predicted) if says.regression else f"{label}, {says.output} {number(predicted, 2)}"
    verb = f"{label}:" if says.several else "predicted"
    return f"{what}, {verb} {given}; {heaviest(features)}."


def _picked_for(results: Results) -> Mapping[str, tuple[str, ...]]:
    order = {c.name: i for i, c in enumerate(results.classes) if c.name != ALL_CLASSES}
    found: dict[str, set[str]] = {}
    for pick in results.picks:
        for row in pick.rows:
            found.setdefault(row.row, set()).add(row.class_name)
    return {row: tuple(sorted(names, key=lambda c: order.get(c, len(order)))) for row, names in found.items()}


def _stored(record: RunRecord, kind: str) -> list[tuple[str, str, int, bytes]]:
    table = record.tables.get("pictures")
    if table is None:
        return []
    part = table[table["kind"] == kind]
    columns = (part[c] for c in ("kind", "of", "order", "png"))
    return [(str(k), str(of), int(order), bytes(png)) for k, of, order, png in zip(*columns, strict=True)]
