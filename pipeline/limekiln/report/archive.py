"""What makes a PDF one for an archive: PDF/A-3a and PDF/UA-1 in one file, with the run's documents inside.

WeasyPrint writes one variant a file. PDF/UA-1 asks of a tagged PDF/A-3a file little more than its mark in the metadata
(ISO 14289-1, 5), and PDF/A asks that a mark it does not know is described beside it (ISO 19005-3, 6.6.2.3).
"""

from collections.abc import Callable
from typing import Any, Final
from xml.etree import ElementTree as ET

import pydyf

VARIANT: Final = "pdf/a-3a"

_AMBIGUOUS: Final = b"\r\nendstream"
_TRIES: Final = 8
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_UA: Final = "http://www.aiim.org/pdfua/ns/id/"
_EXTENSION: Final = "http://www.aiim.org/pdfa/ns/extension/"
_SCHEMA: Final = "http://www.aiim.org/pdfa/ns/schema#"
_PROPERTY: Final = "http://www.aiim.org/pdfa/ns/property#"
_PREFIXES: Final = {
    "rdf": _RDF,
    "pdfuaid": _UA,
    "pdfaExtension": _EXTENSION,
    "pdfaSchema": _SCHEMA,
    "pdfaProperty": _PROPERTY,
}


def marked(rdf: Callable[..., bytes]) -> Callable[..., bytes]:
    """WeasyPrint's writer of RDF metadata, which then also claims PDF/UA-1 and describes that claim to PDF/A."""

    def write(variant: str, version: int, conformance: str) -> bytes:
        for prefix, namespace in _PREFIXES.items():
            ET.register_namespace(prefix, namespace)
        root = ET.fromstring(rdf(variant, version, conformance))  # noqa: S314 - what WeasyPrint has just written
        claim = _described(root)
        ET.SubElement(claim, f"{{{_UA}}}part").text = "1"
        schemas = ET.SubElement(ET.SubElement(_described(root), f"{{{_EXTENSION}}}schemas"), f"{{{_RDF}}}Bag")
        schema = _resource(schemas)
        ET.SubElement(schema, f"{{{_SCHEMA}}}schema").text = "PDF/UA identification schema"
        ET.SubElement(schema, f"{{{_SCHEMA}}}namespaceURI").text = _UA
        ET.SubElement(schema, f"{{{_SCHEMA}}}prefix").text = "pdfuaid"
        properties = ET.SubElement(ET.SubElement(schema, f"{{{_SCHEMA}}}property"), f"{{{_RDF}}}Seq")
        part = _resource(properties)
        for key, text in (
            ("name", "part"),
            ("valueType", "Integer"),
            ("category", "internal"),
            ("description", "the part of ISO 14289 that the file keeps to"),
        ):
            ET.SubElement(part, f"{{{_PROPERTY}}}{key}").text = text
        written: bytes = ET.tostring(root, encoding="utf-8")
        return written

    return write


def finish(_document: object, pdf: Any, *, padding: int = 0) -> None:
    """Mends what WeasyPrint is about to write; it calls this before it writes the file.

    A list then holds items alone, each with its label and its body (ISO 32000-1, table 336): the groups of a definition
    list become items, blanks between them go into the part before. A header cell says what it heads. Pictures are not
    smoothed, and the metadata stay readable without a PDF reader (ISO 19005-3, 6.2.8 and 6.6.2).

    Args:
        pdf: What will be written.
        padding: Changes what the file packs together, and nothing in it; see `settled`.
    """
    elements = {thing.reference: thing for thing in pdf.objects if _facts(thing).get("Type") == "/StructElem"}
    for element in elements.values():
        if element["S"] == "/L":
            _mend_list(element, elements)
        elif element["S"] == "/TH":
            section = elements[elements[element["P"]]["P"]]
            element["A"]["Scope"] = "/Column" if section["S"] == "/THead" else "/Row"
    for thing in pdf.objects:
        facts = _facts(thing)
        if facts.get("Type") == "/Metadata":
            thing.compress = False
        elif facts.get("Subtype") == "/Image":
            thing.extra["Interpolate"] = "false"
        if hasattr(thing, "extra"):
            _end_plainly(thing)
    for number in range(padding):
        pdf.add_object(pydyf.Dictionary({"Padding": number}))


def settled(draw: Callable[[int], bytes]) -> bytes:
    """What `draw` gives for the smallest padding with which no stream ends in a carriage return.

    Before a line feed it reads as a part of the line's end, and the stream as one byte too short (ISO 19005-3,
    6.1.7.1). `finish` mends the streams that it sees; those that the writer packs later are drawn anew, one run in 128.
    """
    for padding in range(_TRIES):
        content = draw(padding)
        if _AMBIGUOUS not in content:
            break
    return content


def _mend_list(element: Any, elements: dict[bytes, Any]) -> None:
    for reference in element["K"]:
        if elements[reference]["S"] == "/Div":
            _make_item(elements[reference], elements)
    _gather(element, {"/LI", "/Caption"}, elements)


def _make_item(group: Any, elements: dict[bytes, Any]) -> None:
    """A group of a definition list, whose term and definitions WeasyPrint made items of their own."""
    group["S"] = "/LI"
    term = True
    for part in (elements[reference] for reference in group["K"]):
        if part["S"] == "/LI":
            part["S"], term = "/Lbl" if term else "/LBody", False
            for kid in (elements[reference] for reference in part["K"]):
                kid["S"] = "/NonStruct" if kid["S"] == "/LBody" else kid["S"]
    _gather(group, {"/Lbl", "/LBody"}, elements)


def _gather(element: Any, allowed: set[str], elements: dict[bytes, Any]) -> None:
    """Leaves only the allowed kinds right under an element; others go to the end of the one before."""
    kept: list[Any] = []
    for kid in (elements[reference] for reference in element["K"]):
        if kid["S"] in allowed or not kept:
            kept.append(kid)
            continue
        home = kept[-1]
        while home["S"] == "/LI":
            home = elements[home["K"][-1]]
        kid["P"] = home.reference
        home["K"].append(kid.reference)
    element["K"][:] = [kid.reference for kid in kept]


def _end_plainly(stream: Any) -> None:
    written: bytes = stream.data
    if not written.endswith(_AMBIGUOUS):
        return
    head, content = written.split(b"stream\n", 1)
    if b"/FlateDecode" in head:  # a decoder stops at the end of what was compressed
        stream.stream = [content.removesuffix(b"\nendstream") + b"\0"]
        stream.extra = {**stream.extra, "Filter": "/FlateDecode"}
        stream.compress = False


def _facts(thing: Any) -> Any:
    return thing if isinstance(thing, dict) else getattr(thing, "extra", None) or {}


def _described(root: ET.Element) -> ET.Element:
    return ET.SubElement(root, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})


def _resource(parent: ET.Element) -> ET.Element:
    return ET.SubElement(parent, f"{{{_RDF}}}li", {f"{{{_RDF}}}parseType": "Resource"})
