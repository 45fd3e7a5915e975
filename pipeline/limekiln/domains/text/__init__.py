"""Texts: their parts are words, or the tokens of a tokenizer of the user's."""

from limekiln.domains.text.document import Document, Texts, globalise

__all__ = ["Document", "Texts", "globalise"]
