"""`limekiln compare`: what changed between two runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from limekiln.cli.terminal import errors, progress

if TYPE_CHECKING:
    from limekiln.change import Change, ClassChange

_CLASSES, _MOVERS, _REASONS = 10, 5, 5


def compare(
    old: Annotated[Path, typer.Argument(help="The earlier run folder.", metavar="OLD", show_default=False)],
    new: Annotated[Path, typer.Argument(help="The later run folder.", metavar="NEW", show_default=False)],
    *,
    split: Annotated[
        bool,
        typer.Option(
            "--split", help="Ask the new model for the old rows: which part is the model's, which the data's?"
        ),
    ] = False,
    rows: Annotated[
        int | None, typer.Option("--rows", min=2, help="With --split, how many of the old rows; by default all.")
    ] = None,
    config_folder: Annotated[
        Path | None,
        typer.Option("--config-folder", metavar="DIR", help="With --split, where the configs' paths start, if moved."),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Also write the page as a PDF.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """What changed from one run to another, as a page and as JSON beside the runs. The last line is the page's path."""
    with errors(debug=debug):
        from limekiln import comparison, seal, splitting, store
        from limekiln.report import two_runs

        before, after = store.read(old), store.read(new)
        digests = seal.sha256(old / store.MANIFEST), seal.sha256(new / store.MANIFEST)
        change = comparison.between(before, after, digests)
        parts = None
        if split:
            with progress() as listener:
                found = splitting.split(old, new, config_folder, listener, rows=rows)
            parts = found.model, found.data
            change = change.model_copy(update={"model_part": found.model, "data_part": found.data})
        page = two_runs.build(change, before, after, parts)
        path = store.change_path(new, change.old.run_id, change.new.run_id)
        document = path.with_suffix(".json")
        store.write_document(document, change)
        store.write_text(path, two_runs.render(page))
        for line in _lines(change, hashed=after.manifest.model_sha256 is not None):
            print("".join(sign if sign.isprintable() else "�" for sign in line))  # names are anybody's
        if pdf:
            attached = {document.name: store.to_json(change)}
            store.write_bytes(path.with_suffix(".pdf"), two_runs.to_pdf(page, after.manifest.created, attached))
        print(path, flush=True)


def _lines(change: "Change", *, hashed: bool) -> list[str]:
    """The change in a terminal: whether it could be judged, what is not the same, then a line or two a class."""
    told = [f"{change.old.run_id} -> {change.new.run_id}: {change.verdict}"]
    told += [f"  {reason}" for reason in change.reasons[:_REASONS]]
    for part in ("model", "data", "config", "software"):
        names = [a.what for a in change.altered if a.part == part]
        more = f" and {len(names) - _REASONS:,} more" if len(names) > _REASONS else ""
        same = "the same" if hashed or part != "model" else "has no hash, so whether it changed is not known"
        told.append(f"  {part:>8}  " + (f"{', '.join(names[:_REASONS])}{more} changed" if names else same))
    for c in change.classes[:_CLASSES]:
        told += _of_class(c)
    for title, found in (("the model's part", change.model_part), ("the data's part", change.data_part)):
        if found is not None:
            told += [f"{title}:", *(f"  {line}" for c in found.classes[:_CLASSES] for line in _of_class(c))]
    if (left := len(change.classes) - _CLASSES) > 0:
        told.append(f"and {left:,} more classes")
    return told


def _of_class(c: "ClassChange") -> list[str]:
    who = "all together" if c.class_name == "*" else c.class_name
    if c.ndcg is None:
        return [f"{who}: not compared: {c.reason}"]
    head = f"{who}: nDCG {c.ndcg:.3f} ({c.ndcg_low:.3f} to {c.ndcg_high:.3f}), {c.moved:,} of {c.tested:,} moved"
    movers = [f for f in c.features if f.moved][:_MOVERS]
    places = (f"{f.feature} {f.difference:+.3g} (rank {f.old_rank} to {f.new_rank})" for f in movers)
    return [head, *([f"  {', '.join(places)}"] if movers else [])]
