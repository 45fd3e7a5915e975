"""Whether the features, columns and classes that gates name are there: asked before the model is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from limekiln.data.roles import listed
from limekiln.errors import InputError
from limekiln.record import ALL_CLASSES
from limekiln.settings.gates import NOISE, Gate, MaxFailed, MaxRank, MaxShare, MustNotBeDecidedAbove, PoolsAgree


@dataclass(frozen=True)
class Known:
    """What gates may name.

    Attributes:
        classes: the model's.
        features: those that weigh, groups by their names; None where they are known only once rows are explained.
        columns: all of the data.
        groups: the group of each column that is in one.
        id: the column that names rows.
    """

    classes: Sequence[str]
    features: Sequence[str] | None
    columns: Sequence[str]
    groups: dict[str, str]
    id: str | None


def check_names(gates: Sequence[Gate], known: Known) -> None:
    """See that everything that gates name is there.

    Raises:
        InputError: something is not; the message has a line for each.
    """
    if problems := [f"gates[{i}].{text}" for i, gate in enumerate(gates) for text in _problems(gate, known)]:
        raise InputError("\n".join(problems))


def _problems(gate: Gate, known: Known) -> Iterator[str]:
    class_ = None if isinstance(gate, PoolsAgree | MaxFailed) else gate.class_
    if class_ is not None and class_ not in (ALL_CLASSES, *known.classes):
        yield f"class: {_no('class', class_, known.classes)}"
    match gate:
        case MaxRank():
            yield from _no_feature("feature", gate.feature, known)
            if known.features is not None and gate.below >= len(known.features):
                yield f"below: there are {len(known.features):,} features, so none ranks after the first {gate.below:,}"
        case MaxShare():
            yield from _no_feature("feature", gate.feature, known)
        case MustNotBeDecidedAbove():
            for name in gate.columns:
                yield from _no_feature("columns", name, known)
            if isinstance(gate.above, str) and gate.above != NOISE:
                yield from _no_feature("above", gate.above, known)
            if gate.proxies_of is not None:
                yield from _no_column(gate.proxies_of, known)
        case _:
            return


def _no_feature(key: str, name: str, known: Known) -> Iterator[str]:
    if known.features is None or name in known.features:
        return
    if name in known.groups:
        yield f'{key}: "{name}" is part of the group "{known.groups[name]}", which is one feature; name the group'
    elif name in known.columns:
        hint = f"; proxies_of: {name} asks of the features that go together with it" if key == "columns" else ""
        yield f'{key}: the model does not get the column "{name}", so it has no rank{hint}'
    else:
        yield f"{key}: {_no('feature', name, known.features)}"


def _no_column(name: str, known: Known) -> Iterator[str]:
    if name not in known.columns:
        yield f"proxies_of: {_no('column', name, known.columns)}"
    elif name == known.id:
        yield f'proxies_of: "{name}" is data.id, which names each row and goes together with nothing'


def _no(what: str, name: str, names: Sequence[str]) -> str:
    near = [other for other in names if other.casefold() == name.casefold()] or get_close_matches(name, names, n=1)
    hint = f'did you mean "{near[0]}"?' if near else f"there are {listed(names)}"
    return f'no {what} "{name}"; {hint}'
