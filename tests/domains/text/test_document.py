"""Texts in parts: every piece has its place, hidden parts go everywhere, and odd texts are told apart."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limekiln.domains.text import Document, Texts, globalise
from limekiln.domains.text.document import Tokenizer
from limekiln.errors import InputError, InstanceError

Tokens = Literal["words", "characters"] | Tokenizer


def texts(
    tokens: Tokens = "words", unit: Literal["bag", "positions"] = "bag", mask: str = "", at_most: int = 500
) -> Texts:
    return Texts(tokens=tokens, unit=unit, mask=mask, max_tokens=at_most)


def cut(text: str, domain: Texts | None = None) -> Document:
    return (domain or texts()).decompose(text, 0)


def hiding(document: Document, *parts: int) -> str:
    kept = np.ones((1, document.size), dtype=bool)
    kept[0, list(parts)] = False
    return document.compose(kept)[0]


def test_words_are_letters_digits_and_underscores_and_the_rest_stays() -> None:
    document = cut("Don't pay £10 now, snake_case; don't!")
    assert document.names == ("Don", "t", "pay", "10", "now", "snake_case", "don")
    assert hiding(document, 2) == "Don't  £10 now, snake_case; don't!"
    assert hiding(document, *range(7)) == "'  £ , ; '!"


def test_in_a_bag_a_word_goes_wherever_it_stands_and_at_positions_one_by_one() -> None:
    text = "no, no: NO no"
    assert hiding(cut(text), 0) == ", : NO "
    one = cut(text, texts(unit="positions"))
    assert one.names == ("no", "no", "NO", "no")
    assert hiding(one, 1) == "no, : NO no"


def test_a_mask_stands_in_the_place_of_what_is_hidden() -> None:
    assert hiding(cut("a b a", texts(mask="[MASK]")), 0) == "[MASK] b [MASK]"
    assert hiding(cut("a b a", texts(unit="positions", mask="_")), 2) == "a b _"


def test_words_of_any_script_and_accent_are_words() -> None:
    assert cut("Öl, naïve straße 日本語 प्यार").names[:4] == ("Öl", "naïve", "straße", "日本語")
    assert cut("a\u200bb\nc\td").names == ("a", "b", "c", "d")


def test_characters_are_parts_where_languages_have_no_blanks() -> None:
    document = cut("日本 日x", texts("characters"))
    assert document.names == ("日", "本", "x")
    assert hiding(document, 0) == "本 x"
    assert cut("aab", texts("characters", "positions")).size == 3


def halves(text: str) -> Sequence[tuple[int, int]]:
    middle = len(text) // 2
    return [(0, middle), (middle, len(text))]


def test_a_tokenizer_of_the_users_says_what_the_parts_are() -> None:
    document = cut("abcdef", texts(halves))
    assert document.names == ("abc", "def")
    assert hiding(document, 0) == "def"


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 2), (1, 3)], r"span \(1, 3\) in a text of 4 characters after one that ends at 2"),
        ([(0, 9)], r"span \(0, 9\) in a text of 4 characters"),
        ([(2, 2)], r"span \(2, 2\)"),
        ([(-1, 2)], r"span \(-1, 2\)"),
        ([3], "no pairs of"),
        ([("a", "b")], "no pairs of"),
        ([], "no token that could be hidden"),
    ],
)
def test_spans_that_are_none_of_the_text_fail_the_row(spans: list[tuple[int, int]], message: str) -> None:
    with pytest.raises(InstanceError, match=message):
        cut("abcd", texts(lambda _: spans))


def test_a_tokenizer_that_breaks_fails_the_row_and_one_that_is_missing_the_run() -> None:
    def broken(text: str) -> Sequence[tuple[int, int]]:
        raise KeyError(text)

    def missing(text: str) -> Sequence[tuple[int, int]]:
        raise InputError(text)

    with pytest.raises(InstanceError, match="the tokenizer raised KeyError"):
        cut("abcd", texts(broken))
    with pytest.raises(InputError, match="abcd"):
        cut("abcd", texts(missing))


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "the text is blank"),
        (" \n\t", "the text is blank"),
        ("?!…", "no token that could be hidden"),
        (None, "the text is missing"),
        (float("nan"), "the text is missing"),
        (7, "the text is missing"),
    ],
)
def test_a_cell_without_a_word_cannot_be_explained(cell: object, message: str) -> None:
    with pytest.raises(InstanceError, match=message):
        texts().decompose(cell, 0)


def test_a_blank_text_can_be_predicted_and_a_missing_one_cannot() -> None:
    assert texts().decode("") == ""
    with pytest.raises(InstanceError):
        texts().decode(None)


def test_parts_beyond_the_limit_are_never_hidden() -> None:
    document = cut("a b c b d a", texts(at_most=2))
    assert document.names == ("a", "b")
    assert document.capped
    assert hiding(document, 0, 1) == "  c  d "
    assert document.traits()["capped"].tolist() == [True, True]
    assert not cut("a b a", texts(at_most=2)).capped
    assert [(piece, w) for piece, w in document.marks([1.0, -2.0]) if piece.strip()] == [
        ("a", 1.0),
        ("b", -2.0),
        ("c", None),
        ("b", -2.0),
        ("d", None),
        ("a", 1.0),
    ]


def test_words_of_all_texts_are_features_in_lower_case() -> None:
    parts = [cut("Good day").traits(), cut("good GOOD bad").traits()]
    traits = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    words, features = globalise(traits)
    assert words == ["bad", "day", "good"]
    assert [words[f] for f in features] == ["good", "day", "good", "good", "bad"]


def test_words_that_differ_in_their_length_keep_their_letters() -> None:
    """Arrays of texts of different widths are joined without cutting."""
    parts = [cut("a").traits(), cut("internationalisation").traits()]
    assert globalise({"word": np.concatenate([p["word"] for p in parts])})[0] == ["a", "internationalisation"]


PLAIN = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)


@given(PLAIN, st.sampled_from(["words", "characters"]), st.sampled_from(["bag", "positions"]), st.integers(1, 9))
def test_the_pieces_are_the_text_and_hiding_nothing_gives_it_back(
    text: str, tokens: Tokens, unit: Literal["bag", "positions"], at_most: int
) -> None:
    try:
        document = cut(text, texts(tokens, unit, "#", at_most))
    except InstanceError:
        return
    assert "".join(document.pieces) == text
    assert 1 <= document.size <= at_most
    assert set(document.parts.tolist()) <= set(range(-1, document.size))
    assert document.compose(np.ones((2, document.size), dtype=bool)) == [text, text]
    gone = document.compose(np.zeros((1, document.size), dtype=bool))[0]
    hidden = sum(len(p) for p, part in zip(document.pieces, document.parts, strict=True) if part >= 0)
    assert len(gone) == len(text) - hidden + int((document.parts >= 0).sum())
