"""Models behind HTTP: what is sent, what is tried again, what stops a run, and where the token goes."""

import logging
import pickle
import socket
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

import cloudpickle  # type: ignore[import-untyped]  # ships no types
import numpy as np
import pandas as pd
import pytest

from limekiln import models
from limekiln.errors import InputError, PredictionError, RunError
from limekiln.models import ModelRef, http_sending
from limekiln.settings import HttpModel, ModelSettings
from limekiln.settings.model import contradictions
from models.served import Answer, Asked, Served, model_at, serve

pytest.importorskip("httpx", reason="limekiln[http] is an extra")

CANARY: Final = "s3cret-canary-token"
VARIABLE: Final = "MODEL_TOKEN"
ROWS: Final = pd.DataFrame({"x": [0.25, np.nan, 0.75], "n": [1, 2, 3], "job": ["a", None, "Ü"]})


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_sending, "FIRST_WAIT_S", 0.01)


def by_x(asked: Asked) -> Answer:
    """The probability is x itself; a missing x counts as a half."""
    split = asked.body["dataframe_split"]
    place = split["columns"].index("x")
    values = [0.5 if row[place] is None else row[place] for row in split["data"]]
    return Answer({"predictions": [[1 - value, value] for value in values]})


def always(answer: Answer) -> Callable[[Asked], Answer]:
    return lambda _asked: answer


def in_turn(*answers: Answer | Callable[[Asked], Answer]) -> Callable[[Asked], Answer]:
    """One answer after the other, the last one for ever."""
    number = count()

    def script(asked: Asked) -> Answer:
        answer = answers[min(next(number), len(answers) - 1)]
        return answer if isinstance(answer, Answer) else answer(asked)

    return script


def stopped(script: Callable[[Asked], Answer], **more: Any) -> tuple[str, Served]:
    """The message of a run that stops."""
    with serve(script) as served, pytest.raises(RunError) as caught:
        models.predict_rows(model_at(served.url, **more), ROWS)
    assert not isinstance(caught.value, PredictionError)
    return str(caught.value), served


def test_rows_travel_as_json_and_answers_come_back() -> None:
    with serve(by_x) as served:
        model = model_at(served.url)
        outputs, failed = models.predict_rows(model, ROWS)
    assert failed == []
    assert outputs.tolist() == [[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]]
    asked = served.asked[0]
    assert (asked.method, asked.headers["content-type"]) == ("POST", "application/json")
    assert asked.body == {
        "dataframe_split": {"columns": ["x", "n", "job"], "data": [[0.25, 1, "a"], [None, 2, None], [0.75, 3, "Ü"]]}
    }
    assert "authorization" not in asked.headers
    assert (model.kind, model.sha256, model.features) == ("http", None, None)
    assert model.description == f"{served.url} (mlflow)"
    assert [notice.code for notice in model.notices] == ["model_not_pinned"]


def test_columns_of_every_type_become_json() -> None:
    rows = pd.DataFrame(
        {
            "x": np.array([0.5, 0.5], dtype=np.float32),
            "truth": [True, False],
            "maybe": pd.Series([True, None], dtype=object),
            "city": pd.Categorical(["Ulm", None]),
            "code": pd.Categorical([3, None], categories=[1, 2, 3]),
            "text": pd.Series(["a", np.nan], dtype="str"),
            "number": pd.Series([np.int8(1), np.int8(2)]),
        }
    )
    with serve(by_x) as served:
        models.predict_checked(model_at(served.url), rows)
    assert served.asked[0].body["dataframe_split"]["data"] == [
        [0.5, True, True, "Ulm", 3, "a", 1],
        [0.5, False, None, None, None, None, 2],
    ]


def test_an_infinite_number_is_its_rows_failure() -> None:
    with serve(by_x) as served:
        rows = pd.DataFrame({"x": [0.5, np.inf, 0.25]})
        outputs, failed = models.predict_rows(model_at(served.url), rows)
    assert failed == [(1, "an infinite number cannot be sent to the endpoint: JSON has none")]
    assert outputs[[0, 2], 1].tolist() == [0.5, 0.25]


def test_texts_and_arrays() -> None:
    def lengths(asked: Asked) -> Answer:
        return Answer({"predictions": [float(np.size(value)) + len(value) for value in asked.body["inputs"]]})

    with serve(lengths) as served:
        model = model_at(served.url, "value")
        assert models.predict_checked(model, ["a", "four"])[:, 0].tolist() == [2, 5]
        assert models.predict_checked(model, np.zeros((2, 3, 4), dtype=np.float32))[:, 0].tolist() == [15, 15]


def test_rows_go_in_batches_over_one_connection() -> None:
    rows = pd.DataFrame({"x": np.linspace(0, 1, 23)})
    with serve(by_x) as served:
        outputs = models.predict_checked(model_at(served.url, batch=10), rows)
    np.testing.assert_array_equal(outputs[:, 1], rows["x"])
    assert [len(asked.body["dataframe_split"]["data"]) for asked in served.asked] == [10, 10, 3]
    assert len({asked.connection for asked in served.asked}) == 1


def test_requests_keep_to_the_rate() -> None:
    with serve(by_x) as served:
        rows = pd.DataFrame({"x": np.linspace(0, 1, 5)})
        models.predict_checked(model_at(served.url, batch=1, requests_per_second=50.0), rows)
    gaps = np.diff([asked.time for asked in served.asked])
    assert gaps.sum() >= 4 / 50 * 0.9


@pytest.mark.parametrize(
    "trouble",
    [Answer(status=503), Answer(status=502), Answer(status=429), Answer(status=500), Answer(drop=True)],
    ids=["503", "502", "429", "500", "dropped"],
)
def test_what_may_pass_is_tried_again(trouble: Answer) -> None:
    with serve(in_turn(trouble, trouble, by_x)) as served:
        outputs, failed = models.predict_rows(model_at(served.url), ROWS)
    assert failed == []
    assert outputs[0, 1] == 0.25
    assert len(served.asked) == 3


def test_a_slow_answer_is_tried_again() -> None:
    with serve(in_turn(Answer(delay=1.0), by_x)) as served:
        outputs, failed = models.predict_rows(model_at(served.url, timeout=0.3), ROWS)
    assert failed == []
    assert len(served.asked) == 2
    assert outputs[0, 1] == 0.25


def test_waits_double_and_do_not_depend_on_chance() -> None:
    waits = [http_sending._backoff(b"rows", tries) for tries in range(9)]
    assert waits == [http_sending._backoff(b"rows", tries) for tries in range(9)]
    for tries, wait in enumerate(waits):
        assert 0.5 <= wait / (http_sending.FIRST_WAIT_S * 2**tries) <= 1
    assert http_sending._backoff(b"rows", 0) != http_sending._backoff(b"other rows", 0)
    assert http_sending._backoff(b"rows", 500) <= http_sending.LONGEST_WAIT_S


def test_retry_after_is_waited_for() -> None:
    with serve(in_turn(Answer(status=429, headers={"Retry-After": "1"}), by_x)) as served:
        models.predict_checked(model_at(served.url), ROWS)
    first, second = (asked.time for asked in served.asked)
    assert second - first >= 1.0


def test_retry_after_reads_seconds_and_dates() -> None:
    assert http_sending._asked_wait(None) == 0
    assert http_sending._asked_wait("7") == 7
    assert http_sending._asked_wait("soon") == 0
    assert http_sending._asked_wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert http_sending._asked_wait("Wed, 21 Oct 2150 07:28:00 GMT") > 1e9


def test_a_server_that_asks_for_an_hour_is_not_waited_for() -> None:
    message, served = stopped(always(Answer(status=503, headers={"Retry-After": "3600"})))
    assert message.endswith("503 Service Unavailable; it asks for 3600 s of patience")
    assert len(served.asked) == 1


def test_a_server_that_stays_away_stops_the_run() -> None:
    message, served = stopped(always(Answer({"message": "resting"}, status=503)), retries=2)
    assert message.startswith(f"model.source.url: {served.url} does not work as an endpoint (tried 3 times in ")
    assert message.endswith("503 Service Unavailable: resting")
    assert len(served.asked) == 3
    message, _ = stopped(always(Answer(status=429)), retries=0)
    assert message.endswith("429 Too Many Requests; set model.source.requests_per_second")
    message, _ = stopped(always(Answer(drop=True)), retries=1)
    assert "tried 2 times" in message


def test_a_server_that_is_not_there_stops_the_run() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nothing answers there, and nobody else takes it
        model = model_at(f"http://127.0.0.1:{taken.getsockname()[1]}/invocations", retries=2)
        with pytest.raises(RunError, match=r"tried 3 times .*refused"):
            models.predict_rows(model, ROWS)


@pytest.mark.parametrize("answer", [Answer(delay=0.6), Answer(b"12345678", drip=0.05)], ids=["silent", "dripping"])
def test_a_time_out_stops_the_run(answer: Answer) -> None:
    message, served = stopped(always(answer), retries=1, timeout=0.2)
    assert message.endswith("no answer within 0.2 s; raise model.source.timeout, or lower model.source.batch")
    assert len(served.asked) == 2


@pytest.mark.parametrize("status", [400, 422, 413, 500])
def test_a_refused_row_is_found(status: int) -> None:
    def script(asked: Asked) -> Answer:
        if any(row[0] == 7 for row in asked.body["dataframe_split"]["data"]):
            return Answer({"error_code": "BAD", "message": "no sevens"}, status=status)
        return Answer({"predictions": [[0.5, 0.5]] * len(asked.body["dataframe_split"]["data"])})

    with serve(script) as served:
        outputs, failed = models.predict_rows(model_at(served.url), pd.DataFrame({"x": np.arange(10)}))
    assert [row for row, _ in failed] == [7]
    assert failed[0][1].startswith(f"the endpoint refuses: {status} ")
    assert failed[0][1].endswith(": no sevens")
    assert np.isfinite(np.delete(outputs, 7, axis=0)).all()
    if status != 500:
        assert len(served.asked) <= 2 * 4 + 1  # each half once: no retries


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (401, "401 Unauthorized; name the token's variable in model.source.token_env"),
        (403, "403 Forbidden; name the token's variable in model.source.token_env"),
        (404, "404 Not Found"),
    ],
)
def test_a_refusal_that_no_row_explains_stops_the_run_at_once(status: int, end: str) -> None:
    message, served = stopped(always(Answer(status=status)))
    assert message.endswith(end)
    assert len(served.asked) == 1


def test_answers_that_are_no_json() -> None:
    page = Answer(b"<html>Log in, please</html>", headers={"Content-Type": "text/html"})
    message, served = stopped(always(page))
    assert message.endswith("the answer is no JSON (text/html): <html>Log in, please</html>; check model.source.url")
    assert len(served.asked) == 1
    message, _ = stopped(always(Answer(b"")))
    assert "(application/json): nothing;" in message
    message, _ = stopped(always(Answer({"outputs": []})))
    assert message.startswith(
        'the answer has no "predictions" but the keys "outputs"; check that model.source.url ends'
    )
    message, _ = stopped(always(Answer([1])))
    assert message.startswith('the answer has no "predictions" but a JSON list;')


def test_an_answer_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_sending, "ANSWER_LIMIT", 2 * 1024 * 1024)
    message, _ = stopped(always(Answer(b" " * 3 * 1024 * 1024)))
    assert message.endswith("the answer is larger than 2 MiB; lower model.source.batch")


def predictions(value: Any) -> Callable[[Asked], Answer]:
    return always(Answer({"predictions": value}))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([[0.5, 0.5]], "the endpoint gives 1 rows for the 3 that it was asked for"),
        ([], "the endpoint gives 0 rows for the 3 that it was asked for"),
        ([[1.0]] * 3, 'the model gave an array of shape (3, 1), expected (3, 2): one column a class ("no", "yes")'),
        ([0.5] * 3, "the model gives one number a row, such as [0.5], and not one for each of 2 classes: a label, or"),
        (["yes"] * 3, "the model gives labels, such as 'yes', and no numbers; serve one that gives probabilities"),
        ([[0.5, 0.5], [0.5], [1.0, 0.0]], "the model gives [[0.5, 0.5], [0.5], [1.0, 0.0]], which is no table"),
        ({"a": [1], "b": [2]}, 'the model answers with 2 named values ("a", "b"), expected one table'),
        ([[0.2, 0.3]] * 3, "the model gave [0.2, 0.3], which sum to 0.5 and not to 1 in row 0"),
        ([[-2.0, 3.0]] * 3, "the model gave [-2, 3], which are no probabilities from 0 to 1; logits need a softmax"),
        ([[None, 1.0]] * 3, "the model gave [nan, 1], which is not finite in row 0"),
        ([[float("nan"), 1.0]] * 3, "the model gave [nan, 1], which is not finite in row 0"),
    ],
)
def test_answers_that_are_no_predictions(value: Any, reason: str) -> None:
    with serve(predictions(value)) as served, pytest.raises(PredictionError) as caught:
        models.predict_checked(model_at(served.url), ROWS)
    assert str(caught.value).startswith(reason)


def test_a_missing_number_is_its_rows_failure() -> None:
    with serve(predictions([[0.5, 0.5], [None, None], [1.0, 0.0]])) as served:
        outputs, failed = models.predict_rows(model_at(served.url), ROWS)
    assert failed == [(1, "the model gave [nan, nan], which is not finite")]
    assert outputs[2].tolist() == [1, 0]


def test_answers_by_name_are_put_in_the_order_of_the_classes() -> None:
    with serve(predictions([{"yes": 0.1, "no": 0.9}] * 3)) as served:
        assert models.predict_checked(model_at(served.url), ROWS)[0].tolist() == [0.9, 0.1]
    with serve(predictions([{"first": 0.1, "second": 0.9}] * 3)) as served:
        assert models.predict_checked(model_at(served.url), ROWS)[0].tolist() == [0.1, 0.9]
    with serve(predictions([{"score": 3.5}] * 3)) as served:
        assert models.predict_checked(model_at(served.url, "value"), ROWS)[:, 0].tolist() == [3.5] * 3
    with serve(predictions({"score": [3.5, 2, 1]})) as served:
        assert models.predict_checked(model_at(served.url, "value"), ROWS)[:, 0].tolist() == [3.5, 2, 1]


# the token


def test_the_token_is_sent_and_stands_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(VARIABLE, f"{CANARY}\n")
    caplog.set_level(logging.DEBUG)

    def echo(asked: Asked) -> Answer:
        return Answer({"message": f"seen {asked.headers.get('authorization')}"}, status=400)

    with serve(in_turn(by_x, echo)) as served:
        source = HttpModel(kind="http", url=served.url, classes=("no", "yes"), token_env=VARIABLE)
        ref = ModelRef(source, Path(), "probability").pinned()
        outputs, failed = ref.predict_rows(ROWS)
        assert failed == []
        _, failed = ref.predict_rows(ROWS)
    assert {asked.headers["authorization"] for asked in served.asked} == {f"Bearer {CANARY}"}
    assert [reason for _, reason in failed] == ["the endpoint refuses: 400 Bad Request: seen Bearer ***"] * 3
    model = ref.resolve()
    texts = [repr(ref), repr(model), str(failed), str(outputs), caplog.text, *capfd.readouterr()]
    assert not [text for text in texts if CANARY in text]
    for payload in (pickle.dumps(ref), cloudpickle.dumps(model)):
        assert CANARY.encode() not in payload
        assert pickle.loads(payload) is not None  # noqa: S301 - made two lines above


def test_a_redirect_is_not_followed_and_the_token_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, CANARY)
    with serve(by_x) as other:
        place = other.url.replace("127.0.0.1", "localhost")
        redirect = Answer(status=307, headers={"Location": f"{place}?token={CANARY}"})
        message, served = stopped(always(redirect), token_env=VARIABLE)
        assert message.endswith(
            f"307, a redirect to {place}, which is not followed; set model.source.url to the final address"
        )
        assert other.asked == []
    assert len(served.asked) == 1
    assert CANARY not in message


def test_a_token_that_is_missing_or_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(InputError, match=r"^model.source.token_env: the environment variable MODEL_TOKEN is not set"):
        model_at("http://127.0.0.1:1/x", token_env=VARIABLE)
    monkeypatch.setenv(VARIABLE, f"{CANARY}\nHost: elsewhere")
    with pytest.raises(InputError) as caught:
        model_at("http://127.0.0.1:1/x", token_env=VARIABLE)
    assert CANARY not in str(caught.value)


def test_a_wrong_token_is_named_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, CANARY)
    message, _ = stopped(always(Answer(status=401)), token_env=VARIABLE)
    assert message.endswith("401 Unauthorized; check the token")


def test_a_host_beyond_this_machine_without_encryption_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, CANARY)
    notices = model_at("http://models.example/invocations?key=k", token_env=VARIABLE).notices
    assert [notice.code for notice in notices] == ["model_not_pinned", "endpoint_not_encrypted"]
    assert notices[1].text.startswith("The rows and the token travel to models.example unencrypted")
    assert "key" not in notices[0].text
    assert len(model_at("https://models.example/invocations").notices) == 1


def test_no_proxy_stands_between_this_machine_and_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    http_sending._client.cache_clear()
    with serve(by_x) as served:
        assert models.predict_checked(model_at(served.url, retries=0), ROWS)[0, 1] == 0.25


def settings(**source: Any) -> list[tuple[str, str]]:
    settings = {"name": "m", "source": {"kind": "http", "classes": ("a", "b"), "url": "http://h/invocations"} | source}
    return list(contradictions(ModelSettings.model_validate(settings)))


def test_settings_that_contradict_themselves() -> None:
    assert settings() == []
    assert settings(protocol="kserve-v2", result="p") == []
    for url in ("http://user:word@host/x", "https://key@host:8080/x"):
        assert settings(url=url)[0][0] == "model.source.url"
        assert "word" not in settings(url=url)[0][1].replace("a password", "")
    assert settings(url="http://host/x?who=a@b") == []
    for url in ("http://[::1/x", "http://host:port/x", "http:///x"):
        assert settings(url=url)[0][1].startswith("is no URL with a host")
    assert settings(result="p")[0][0] == "model.source.result"
    assert settings(classes=())[0][0] == "model.source.classes"
