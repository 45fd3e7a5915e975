from limekiln.record import LocalFeature
from limekiln.report.local import LocalClass, LocalView, render_local


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
