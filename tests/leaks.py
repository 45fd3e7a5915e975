"""Whether a text or a number stands anywhere in what was written: in files as they are and as programs read them."""

import base64
import io
import re
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pikepdf
import pyarrow.parquet as pq
import pypdfium2  # type: ignore[import-untyped]  # it ships no types
from PIL import Image


def found(folder: Path, canaries: Iterable[str | float], *, beside: Iterable[str] = ()) -> dict[str, set[str]]:
    """The files under a folder that hold each canary; files named in `beside`, a run's own inputs, are passed over."""
    held: dict[str, set[str]] = {}
    canaries = list(canaries)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in set(beside):
            pieces = [path.relative_to(folder).as_posix().encode(), *_opened(path.read_bytes())]
            for canary in canaries:
                if any(_holds(piece, canary) for piece in pieces):
                    held.setdefault(str(canary), set()).add(path.name)
    return held


def said(text: str, canaries: Iterable[str | float]) -> set[str]:
    """The canaries that a text holds."""
    return {str(canary) for canary in canaries if _holds(text.encode("utf-8", "backslashreplace"), canary)}


def _holds(piece: bytes, canary: str | float) -> bool:
    return any(form in piece for form in _forms(canary))


def _forms(canary: str | float) -> Iterator[bytes]:
    """A canary as text and UTF-16, in hexadecimal and base 64; a number as each is written, and in binary."""
    if isinstance(canary, str):
        for text in {canary, canary.lower(), canary.upper(), canary.capitalize()}:
            for encoding in ("utf-8", "utf-16-be", "utf-16-le"):
                raw = text.encode(encoding)
                yield from (raw, raw.hex().encode(), raw.hex().upper().encode())
            # inside a longer base64 text, the middle of each of the three ways that a text can be aligned
            for shift in range(3):
                yield base64.b64encode(b"\0" * shift + text.encode())[4:-4]
        return
    for text in (f"{canary:.0f}", f"{canary:,.0f}", f"{canary:.6g}", f"{canary:.4g}", repr(float(canary))):
        yield text.encode()
    yield from (struct.pack("<d", canary), struct.pack("<f", canary), struct.pack("<q", int(canary)))


def _opened(content: bytes) -> Iterator[bytes]:
    """A file's bytes, and all that is inside: of tables, archives, documents and pictures, and of those in a page."""
    yield content
    if content.startswith(b"PAR1"):
        table = pq.read_table(io.BytesIO(content)).to_pandas()
        yield table.to_csv(index=False).encode()
        for column in table.columns:
            yield from (inner for value in table[column] if isinstance(value, bytes) for inner in _opened(value))
    elif content.startswith(b"PK"):
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            for name in arrays.files:
                yield from (arrays[name].tobytes(), "\n".join(map(str, arrays[name].ravel().tolist())).encode())
    elif content.startswith(b"%PDF"):
        yield from _of_pdf(content)
    elif content.startswith(b"\x89PNG"):
        yield str(Image.open(io.BytesIO(content)).info).encode()
    else:
        for inner in re.findall(rb"base64,([A-Za-z0-9+/=]{40,})", content):
            yield from _opened(base64.b64decode(inner))


def _of_pdf(content: bytes) -> Iterator[bytes]:
    with pikepdf.open(io.BytesIO(content)) as document:
        for thing in document.objects:
            if isinstance(thing, pikepdf.Stream):
                try:
                    yield thing.read_bytes()
                except pikepdf.PdfError:  # a picture's own encoding, which is read as it is
                    yield thing.read_raw_bytes()
            elif isinstance(thing, pikepdf.Dictionary):
                yield thing.unparse(resolved=False)
        for attachment in document.attachments.values():
            yield attachment.get_file().read_bytes()
    for page in pypdfium2.PdfDocument(content):
        text = page.get_textpage().get_text_range()
        yield from (text.encode(), re.sub(r"\s|\ufffe|-", "", text).encode())
