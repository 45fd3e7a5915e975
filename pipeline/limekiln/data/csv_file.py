"""CSV → a table, with the types that pandas.read_csv gives, since that is what users train on.

What pandas lets pass is refused: a header with the same name twice (it renames), lines that are too long
(it drops the rest) or too short (it fills with missing values).
"""

import codecs
import csv
import io
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import pandas as pd

from limekiln.data.files import File
from limekiln.data.names import check_names
from limekiln.errors import InputError
from limekiln.settings import CsvSource

if TYPE_CHECKING:
    import _csv

_OTHER_SEPARATORS: Final = {",": '","', ";": '";"', "\t": r'"\t"', "|": '"|"'}


def parse(file: File, source: CsvSource, as_text: Sequence[str] = ()) -> pd.DataFrame:
    """Read one file.

    Args:
        file: its bytes.
        source: how the file is written.
        as_text: columns whose values keep their text.

    Raises:
        InputError: the bytes are not text in that encoding, or the text is not a table.
    """
    text = _decoded(file, source.encoding)
    names = list(source.names) if source.names is not None else _header(file, text, source)
    if not names:
        raise InputError(f"{file.name}: empty")
    check_names(names, file.name)
    _check_separator(file, text, source, names)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = _table(text, source, names)
            for name in as_text:
                if name in names:
                    table[name] = _table(text, source, names, text_of=name)[name]
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=pd.Index(names))
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        _check_lengths(file, text, source, len(names))
        raise InputError(f"{file.name}: not a table: {_reason(error)}") from error
    except (ValueError, OverflowError) as error:
        raise InputError(f"{file.name}: not a table: {_reason(error)}") from error
    if len(table) and table.iloc[:, -1].isna().any():  # only then can a line have been too short
        _check_lengths(file, text, source, len(names))
    return table


def _table(text: str, source: CsvSource, names: list[str], text_of: str | None = None) -> pd.DataFrame:
    """All columns in the types that pandas finds; or one column as it is written."""
    return pd.read_csv(
        io.StringIO(text),
        sep=source.sep,
        header=0 if source.names is None else None,
        names=names,
        index_col=False,
        skipinitialspace=source.skipinitialspace,
        na_values=list(source.na_values),
        low_memory=False,
        usecols=None if text_of is None else [text_of],
        dtype=None if text_of is None else str,
        na_filter=text_of is None,
    )


def _decoded(file: File, encoding: str) -> str:
    data = file.data
    if codecs.lookup(encoding).name == "utf-8":
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise InputError(f"{file.name}: not UTF-8 but UTF-16; set data.source.encoding: utf-16")
        data = data.removeprefix(codecs.BOM_UTF8)
    removed = len(file.data) - len(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{file.name}: line {line}: byte 0x{data[error.start]:02x} at offset {error.start + removed} is not "
            f"{encoding}; set data.source.encoding, for example to {'latin-1' if encoding != 'latin-1' else 'utf-8'}"
        ) from error
    except (UnicodeError, ValueError) as error:
        raise InputError(f"{file.name}: not text in {encoding}: {_reason(error)}") from error
    if (nul := text.find("\0")) >= 0:
        line = text.count("\n", 0, nul) + 1
        raise InputError(
            f"{file.name}: line {line}: a NUL character at offset {nul + removed}; this is not a text file"
        )
    return text


def _header(file: File, text: str, source: CsvSource) -> list[str]:
    try:
        names = next((row for row in _rows(file, text, source) if row), [])
    except csv.Error as error:
        raise InputError(f"{file.name}: its first line cannot be read: {_reason(error)}") from error
    # pandas' own names for columns without one, such as an index that was written along
    return [name if name.strip() else f"Unnamed: {position}" for position, name in enumerate(names)]


def _rows(file: File, text: str, source: CsvSource) -> "_csv.Reader":
    try:
        return csv.reader(io.StringIO(text, newline=""), delimiter=source.sep, skipinitialspace=source.skipinitialspace)
    except (TypeError, ValueError) as error:
        raise InputError(f"{file.name}: data.source.sep: {_reason(error)}") from error


def _check_separator(file: File, text: str, source: CsvSource, names: Sequence[str]) -> None:
    if len(names) != 1:
        return
    first = text.lstrip("\r\n").split("\n", 1)[0]
    for separator, shown in _OTHER_SEPARATORS.items():
        if separator != source.sep and separator in first:
            raise InputError(
                f"{file.name}: only one column with the separator {source.sep!r}; its first line has "
                f"{shown}: set data.source.sep: {shown}"
            )


def _check_lengths(file: File, text: str, source: CsvSource, width: int) -> None:
    reader = _rows(file, text, source)
    try:
        for row in reader:
            if row and len(row) != width:
                found = f"{len(row)} field{'s' if len(row) != 1 else ''}"
                raise InputError(f"{file.name}: line {reader.line_num}: {found}, expected {width}")
    except csv.Error as error:
        raise InputError(f"{file.name}: line {reader.line_num}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
