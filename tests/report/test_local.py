import re

from limekiln.record import LocalFeature, Mark, Series
from limekiln.report.local import LocalClass, LocalView, render_local
from report import sample_parts


def _view(**changes: object) -> LocalView:
    features = (
        LocalFeature(feature="age", raw="36", value="30 to 40", weight=-0.02),
        LocalFeature(feature="<script>", raw="{{7*7}}", value="{{7*7}}", weight=0.31),
    )
    facts: dict[str, object] = {
        "model": "Credit", "version": "3", "task": "classification", "output": "probability", "data": "a.csv",
        "row": "17", "target": "bad",
        "classes": (LocalClass("bad", 0.83, 0.79, 0.42, features), LocalClass("good", 0.17, 0.21, None, features)),
    }  # fmt: skip
    return LocalView(**(facts | changes))  # type: ignore[arg-type]  # the fields above with some replaced


def test_a_row_is_explained_on_a_page_of_its_own() -> None:
    page = render_local(_view())
    assert "<title>Row 17</title>" in page
    assert page.count("+0.310") >= 2
    assert page.index("&lt;script&gt;:") < page.index("age:")
    assert "{{7*7}}" in page
    assert page.count("this explanation is not reliable") == 1
    assert "default-src 'none'" in page


def test_regression_speaks_of_values() -> None:
    page = render_local(_view(task="regression", output="value"))
    assert "True value" in page
    assert "raises the value" in page
    assert "class" not in page[page.index("<main>") :].replace('class="', "")


def test_a_text_shows_its_words_for_each_class() -> None:
    words = (Mark(text="<b>", weight=0.2), Mark(text=" & ", weight=None), Mark(text="no", weight=-0.1))
    part = (LocalFeature(feature="<b>", raw="", value="", weight=0.2),)
    page = render_local(_view(domain="text", classes=(LocalClass("bad", 0.8, 0.8, 0.9, part, marks=words),)))
    assert "<title>Text 17</title>" in page
    assert re.search(r'<p class="document" dir="auto"><mark class="for s4"[^>]*>&lt;b&gt;</mark> &amp; <mark', page)
    assert "(empty)" not in page
    assert "showing a word, against hiding it," in page


def test_an_image_and_a_series_are_shown_with_alternative_texts() -> None:
    part = (LocalFeature(feature="superpixel 1", raw="", value="", weight=0.2),)
    picture = LocalClass("bad", 0.8, 0.8, 0.9, part, picture=sample_parts.png(1, 24))
    page = render_local(_view(domain="images", classes=(picture,)))
    assert page.count("data:image/png;base64,") == 1
    assert 'alt="Image 17, predicted bad, probability 0.80; the heaviest part: superpixel 1 (+0.200)."' in page
    waves = Series(channels=("x",), values=((0.0, 1.0, 0.0, 1.0),), starts=(0, 2), weights=((0.2, -0.1),))
    page = render_local(_view(domain="sequences", classes=(LocalClass("bad", 0.8, 0.8, 0.9, part, series=waves),)))
    assert "<title>Series 17, predicted bad" in page


def test_of_many_classes_the_five_likeliest_are_shown() -> None:
    classes = tuple(LocalClass(f"class {i}", 0.5 / (i + 1), 0.5, 0.9, ()) for i in range(1000))
    page = render_local(_view(classes=classes))
    assert "The 5 likeliest of 1,000 classes are shown." in page
    assert page.count('<article class="card">') == 5


def test_every_value_is_shown_with_its_unit() -> None:
    classes = tuple(LocalClass(f"value {i}", 1.5, 1.4, 0.9, ()) for i in range(7))
    page = render_local(_view(task="regression", output="value", unit="mm", classes=classes))
    assert page.count('<article class="card">') == 7
    assert "Weight, value 3, mm" in page
    assert "1.50 mm" in page
