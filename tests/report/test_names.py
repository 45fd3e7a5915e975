from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from limekiln.report.names import LIMIT, Name, cut, drawable, fit, join, long_names, name, say
from limekiln.report.templating import breakable

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(ANY_TEXT)
def test_a_name_keeps_its_whole_text(text: str) -> None:
    made = name(text)
    if text.strip():
        assert (made.full or made.short) == text.replace("\x00", "\ufffd")
        assert len(made.short) <= LIMIT
    else:
        assert made.short


def test_a_name_that_shows_nothing_says_so() -> None:
    assert name("").short == "(empty)"
    assert name("  ").short == "(2 blank)"


def test_a_cut_never_parts_a_combined_character() -> None:
    assert cut("ab" + "e\u0301" * 3, 5) == "abe\u0301…"


def test_a_turned_name_keeps_its_end() -> None:
    assert fit("a rather long class name, number 17", 10).endswith("er 17")
    assert fit("short", 10) == "short"


def test_what_xml_cannot_hold_is_dropped_from_drawings() -> None:
    assert drawable("a\x01\x08\x0b\x1b\ufffeb\tc") == "ab\tc"


@given(ANY_TEXT)
def test_places_to_break_add_nothing_to_the_text(text: str) -> None:
    assert breakable(text).replace("<wbr>", "").unescape() == text.replace("<wbr>", "")


def test_long_words_break_after_their_signs() -> None:
    assert breakable("a_b") == "a_b"
    assert breakable("rate_in_percentage_of") == "rate_<wbr>in_<wbr>percentage_<wbr>of"
    assert breakable("<script_of_many_words>") == "&lt;script_<wbr>of_<wbr>many_<wbr>words&gt;"


def test_sentences_join_names_as_a_reader_does() -> None:
    assert say(*join((Name("a"), Name("b"), Name("c"))), " weigh most.").text == "a, b and c weigh most."
    assert say(*join((Name("a"),))).text == "a"


def test_long_names_are_found_anywhere_in_a_view_and_once() -> None:
    @dataclass(frozen=True)
    class View:
        rows: tuple[tuple[Name, ...], ...]

    long = name("x" * 100)
    assert long_names(View(((long, Name("short")), (long,)))) == ("x" * 100,)


def test_only_names_of_another_direction_are_isolated() -> None:
    assert name("حساب").isolate
    assert not name("age > 24").isolate
