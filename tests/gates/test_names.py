"""What gates name and is not there: said before the model is asked, with the nearest name."""

import pytest

from limekiln import gates
from limekiln.errors import InputError
from limekiln.gates import Known
from limekiln.settings.gates import Gate, MaxRank, MinFidelity, MustNotBeDecidedAbove

KNOWN = Known(
    classes=["bad", "good"],
    features=["age", "income", "place"],
    columns=["age", "income", "city", "street", "sex", "id"],
    groups={"city": "place", "street": "place"},
    id="id",
)


def rank(feature: str, below: int = 1, class_: str | None = None) -> Gate:
    return MaxRank.model_validate({"rule": "max_rank", "feature": feature, "below": below, "class": class_})


def protected(**keys: object) -> Gate:
    return MustNotBeDecidedAbove.model_validate({"rule": "must_not_be_decided_above", "above": 1} | keys)


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (rank("Age"), 'feature: no feature "Age"; did you mean "age"?'),
        (rank("zzz"), 'feature: no feature "zzz"; there are "age", "income", "place"'),
        (rank("sex"), 'feature: the model does not get the column "sex", so it has no rank'),
        (rank("city"), 'feature: "city" is part of the group "place", which is one feature; name the group'),
        (rank("age", 3), "below: there are 3 features, so none ranks after the first 3"),
        (rank("age", 1, "god"), 'class: no class "god"; did you mean "good"?'),
        (
            protected(columns=("sex",)),
            (
                'columns: the model does not get the column "sex", so it has no rank; proxies_of: sex asks of the '
                "features that go together with it"
            ),
        ),
        (protected(columns=("age",), above="incme"), 'above: no feature "incme"; did you mean "income"?'),
        (protected(proxies_of="sexx"), 'proxies_of: no column "sexx"; did you mean "sex"?'),
        (
            protected(proxies_of="id"),
            'proxies_of: "id" is data.id, which names each row and goes together with nothing',
        ),
        (
            MinFidelity.model_validate({"rule": "min_fidelity", "value": 0.5, "class": "Good"}),
            'class: no class "Good"; did you mean "good"?',
        ),
    ],
)
def test_a_name_that_is_not_there_is_said_with_its_place(gate: Gate, message: str) -> None:
    with pytest.raises(InputError) as caught:
        gates.check_names([rank("age"), gate], KNOWN)
    assert str(caught.value) == f"gates[1].{message}"


def test_names_that_are_there_are_no_error() -> None:
    gates.check_names([rank("place", 2, "*"), protected(proxies_of="sex", above="noise")], KNOWN)


def test_features_that_nobody_knows_yet_are_not_asked_for() -> None:
    words = Known(classes=["bad", "good"], features=None, columns=["text"], groups={}, id=None)
    gates.check_names([rank("she", 100)], words)
