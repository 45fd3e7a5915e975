"""The settings of the data: where the rows are, what a row is, and what its parts are."""

import codecs
import re
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from limekiln.settings.section import Callable, FilePath, Section, repeated

_PASSWORD: Final = re.compile(r"^[^:/]+://[^:/]*:[^@]*@|(?i:pass(?:word|wd|phrase)?|pwd|secret|token)(?:=|%3[dD])[^&;]")


class CsvSource(Section):
    """Comma-separated text, one or more files."""

    kind: Literal["csv"]
    path: FilePath = Field(description="File, glob or fsspec URL, relative to the config's folder.")
    names: tuple[str, ...] | None = Field(default=None, description="Column names, for files without a header line.")
    sep: str = Field(default=",", description="The separator, one character.", min_length=1, max_length=1)
    encoding: str = Field(default="utf-8", description="The text encoding.")
    skipinitialspace: bool = Field(default=False, description="Drop blanks after a separator.")
    na_values: tuple[str, ...] = Field(default=(), description='Texts that mean "missing", beyond the usual.')

    @field_validator("encoding")
    @classmethod
    def _encoding_is_known(cls, name: str) -> str:
        try:
            known = codecs.lookup(name)._is_text_encoding  # noqa: SLF001 - hex and zlib are codecs, but not of texts
        except (LookupError, ValueError) as error:
            raise ValueError("expected the name of a text encoding, such as utf-8 or latin-1") from error
        if not known:
            raise ValueError("expected the name of a text encoding, such as utf-8 or latin-1")
        return name


class ParquetSource(Section):
    """Parquet, one or more files."""

    kind: Literal["parquet"]
    path: FilePath = Field(description="File, glob or fsspec URL, relative to the config's folder.")


class JsonlSource(Section):
    """One JSON object a line, one or more files."""

    kind: Literal["jsonl"]
    path: FilePath = Field(description="File, glob or fsspec URL, relative to the config's folder.")


class SqlSource(Section):
    """The rows that a query gives. Needs limekiln[sql] and the database's driver."""

    kind: Literal["sql"]
    url: str | None = Field(
        default=None,
        description="SQLAlchemy URL without a password, such as sqlite:///data.db; a file is relative to the config's "
        "folder.",
    )
    url_env: str | None = Field(
        default=None,
        description="The environment variable that holds the URL, so that no password stands in a file.",
    )
    query: str = Field(
        description="One SELECT with an ORDER BY: rows without an order are other rows in another run.", pattern=r"\S"
    )


class FolderSource(Section):
    """A folder of files, one a row: `file` is its path within the folder, `folder` the name of the folder it is in."""

    kind: Literal["folder"]
    path: FilePath = Field(description="The folder, relative to the config's folder.")
    pattern: str = Field(default="**/*", description="Which of its files, as a glob.", min_length=1)


class NumpySource(Section):
    """Arrays of NumPy: an .npy file with one, or an .npz file with one of rows and others of labels or ids."""

    kind: Literal["numpy"]
    path: FilePath = Field(description="File, relative to the config's folder.")
    array: str | None = Field(
        default=None, description="The array of an .npz file that holds the rows; null where it holds only one."
    )


DataSource = Annotated[
    CsvSource | ParquetSource | JsonlSource | SqlSource | FolderSource | NumpySource, Field(discriminator="kind")
]


class TextSettings(Section):
    """What the parts of a text are, and how they are hidden."""

    tokens: Literal["words", "characters"] | Callable = Field(
        default="words",
        description='words, characters, or a "module:callable" of yours that gives a text\'s tokens as (start, end).',
    )
    unit: Literal["bag", "positions"] = Field(
        default="bag", description="Hide every occurrence of a word together (bag), or each by itself (positions)."
    )
    hide: Literal["remove", "mask"] = Field(default="remove", description="Remove a hidden token, or put the mask.")
    mask: str = Field(default="UNKWORDZ", description="What stands in the place of a hidden token with hide: mask.")
    max_tokens: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="Parts of a text beyond this many are never hidden; a notice says so.",
    )


class ImageSettings(Section):
    """How images are read, what their parts are, and how they are hidden."""

    size: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = Field(
        default=None, description="Height and width that every image is brought to; null keeps each its own."
    )
    resize: Literal["crop", "stretch"] = Field(
        default="crop",
        description="How: the largest centred region of that shape, or the whole image, stretched.",
    )
    mode: Literal["rgb", "grey", "keep"] = Field(
        default="rgb", description="Channels of an image: three, one, or as the file has them."
    )
    parts: Literal["slic", "quickshift", "grid"] = Field(
        default="slic",
        description="Superpixels by colour and place, which differ from image to image, or the cells of a fixed grid.",
    )
    grid: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] = Field(
        default=(8, 8), description="Rows and columns of the grid."
    )
    segments: int = Field(default=50, ge=2, le=2000, description="About how many superpixels an image has (slic).")
    hide: str = Field(
        default="mean",
        description="What a hidden part shows: mean (its own), blur, a colour such as #7f7f7f, or an image's path.",
        min_length=1,
    )
    concepts: int = Field(
        default=12, ge=2, le=1000, description="Into how many concepts the superpixels of all images are grouped."
    )
    encoder: Callable | None = Field(
        default=None,
        description='"module:callable" that gives a vector for each patch of an image, to group superpixels by; null '
        "groups them by colour, texture and position.",
    )
    max_pixels: int = Field(
        default=50_000_000, ge=1, le=175_000_000, description="An image with more pixels is a failed row."
    )

    @field_validator("hide")
    @classmethod
    def _colour_is_one(cls, hide: str) -> str:
        if hide.startswith("#") and not re.fullmatch(r"#[0-9a-fA-F]{6}", hide):
            raise ValueError("expected a colour of six hexadecimal digits, such as #7f7f7f")
        return hide


class SequenceSettings(Section):
    """What the parts of a series are, and how they are hidden."""

    segments: int = Field(default=10, ge=1, le=10_000, description="Into how many spans of time each channel is cut.")
    channels: tuple[str, ...] = Field(default=(), description="The channels' names; none numbers them.")
    hide: Literal["mean", "noise", "background"] = Field(
        default="mean",
        description="What a hidden part shows: the channel's mean, noise like the channel's, or another series.",
    )


Rule = Literal["show", "mask", "bin", "hash", "drop"]
"""How a column is told, wherever something is written."""


class DataSettings(Section):
    """Which rows are explained, and what their parts are."""

    domain: Literal["tabular", "text", "images", "sequences"] = Field(
        default="tabular", description="What a row is: a table's row, a text, an image or a series."
    )
    source: DataSource = Field(description="Where the rows are, by kind.")
    column: str | None = Field(
        default=None,
        description="The column with the text, or with the images' paths; not needed for a folder or for arrays.",
    )
    target: str | None = Field(default=None, description="The column with the true label or value; never a feature.")
    id: str | None = Field(default=None, description="The column that names a row; without it, its position does.")
    exclude: tuple[str, ...] = Field(default=(), description="Columns that the model does not get.")
    categorical: tuple[str, ...] = Field(
        default=(), description="Numeric columns whose numbers are codes: perturbed and compared as categories."
    )
    groups: dict[str, tuple[str, ...]] = Field(
        default={},
        description="Columns that are one feature, by its name: perturbed together and weighed as one.",
    )
    redact: dict[str, Rule] = Field(
        default={},
        description="How a column is told, by its name: show, mask, bin (a number as its interval), hash (by a key) or "
        "drop. Without a word here ids, free text, texts and images are masked; all else is shown.",
    )
    redact_key_env: str | None = Field(
        default=None,
        description="The environment variable that holds the key of redact: hash, 16 characters or more.",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
    )
    background: DataSource | None = Field(
        default=None, description="Data that perturbations are drawn like; null means the data themselves."
    )
    text: TextSettings = TextSettings()
    images: ImageSettings = ImageSettings()
    sequences: SequenceSettings = SequenceSettings()

    @property
    def content(self) -> str | None:
        """The column that holds the texts, images or series, by its own name or the one it gets; None for a table."""
        called = {"tabular": None, "text": "text", "images": "image", "sequences": "series"}
        return None if self.domain == "tabular" else self.column or called[self.domain]


def contradictions(data: DataSettings) -> Iterator[tuple[str, str]]:
    """Keys of the data that are right one by one and wrong together, as (dotted key, message)."""
    if data.target is not None and data.target == data.id:
        yield "data.id", f'data.target is "{data.target}" too; a column has one role'
    for key, source in (("data.source", data.source), ("data.background", data.background)):
        if source is None:
            continue
        if source.kind == "csv":
            for name in repeated(source.names or ()):
                yield f"{key}.names", f'"{name}" stands twice'
        if source.kind == "sql":
            yield from _sql_contradictions(source, key)
    for name in data.categorical:
        for other, names in (("target", (data.target,)), ("id", (data.id,)), ("exclude", data.exclude)):
            if name in names:
                yield "data.categorical", f'data.{other} keeps "{name}" from the model, so it is no category'
    yield from _group_contradictions(data)
    yield from _redaction_contradictions(data)
    yield from _domain_contradictions(data)


def _sql_contradictions(source: SqlSource, key: str) -> Iterator[tuple[str, str]]:
    """Not one place of the URL, or a credential in a wrong one; pydantic's own error would show the value."""
    if (source.url is None) == (source.url_env is None):
        yield f"{key}.url", "expected one of url and url_env"
    if source.url is not None and _PASSWORD.search(source.url):
        yield f"{key}.url", "holds a password; put the URL into an environment variable, and its name into url_env"
    if source.url_env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", source.url_env):
        yield f"{key}.url_env", "expected the name of an environment variable, which then holds the URL"


def _group_contradictions(data: DataSettings) -> Iterator[tuple[str, str]]:
    for name, columns in data.groups.items():
        if len(columns) < 2:  # noqa: PLR2004 - one column is a feature as it is
            yield f"data.groups.{name}", "expected at least two columns"
        for role, names in (("target", (data.target,)), ("id", (data.id,)), ("exclude", data.exclude)):
            for column in sorted({c for c in columns if c in names}):
                yield f"data.groups.{name}", f'data.{role} keeps "{column}" from the model, so it is in no group'
    for column in repeated([c for columns in data.groups.values() for c in columns]):
        yield "data.groups", f'"{column}" stands twice; a column belongs to one group'


def _redaction_contradictions(data: DataSettings) -> Iterator[tuple[str, str]]:
    for name, rule in data.redact.items():
        if rule == "hash" and data.redact_key_env is None:
            yield "data.redact_key_env", f'missing; "{name}" is hashed, and the key is in an environment variable'
        if why := _cannot(data, name, rule):
            yield "data.redact", f'"{name}" cannot be told by {rule}: {why}'


def _cannot(data: DataSettings, name: str, rule: Rule) -> str:
    """Why a column cannot be told so, as far as its role says it; empty where it can."""
    if rule == "bin" and name in {data.id, data.target, data.content, *data.categorical}:
        return "only numbers that are features fall into intervals; expected show, mask or hash"
    if rule == "drop" and name == data.target:
        return "a report compares predictions with it; name it in data.exclude instead of data.target"
    if rule == "drop" and name == data.content:
        return "it is what is explained; expected mask"
    if rule == "hash" and name == data.content and data.domain != "text":
        return f"hashes of {data.domain} tell nothing; expected mask"
    return ""


def _domain_contradictions(data: DataSettings) -> Iterator[tuple[str, str]]:
    rows_as_files = data.source.kind in {"folder", "numpy"}
    if data.domain == "tabular":
        if data.column is not None:
            yield "data.column", "names the column of a text or an image; a table's columns are all features"
        if data.source.kind == "folder":
            yield "data.source.kind", '"folder" holds images; set data.domain: images'
    else:
        for key in ("exclude", "categorical", "groups"):
            if getattr(data, key):
                yield f"data.{key}", f"is for tables; data.domain is {data.domain}"
        if data.column is None and not rows_as_files:
            yield "data.column", f"missing; the column that holds the {data.domain}"
    if data.domain == "text" and rows_as_files:
        yield "data.source.kind", f'"{data.source.kind}" holds no texts; expected csv, parquet, jsonl or sql'
    if data.domain == "sequences" and data.source.kind not in {"numpy", "parquet", "jsonl"}:
        yield "data.source.kind", f'"{data.source.kind}" holds no series; expected numpy, parquet or jsonl'
    if data.domain != "sequences" and data.background is not None and data.domain != "tabular":
        yield "data.background", f"is for tables and sequences; data.domain is {data.domain}"
