"""What the terminal says of a run and of one row."""

from typing import Any

_CLASSES_TOLD = 10
_PARTS_TOLD = 12
_MOSTLY = 0.8
_FEW = 10.0


def print_local(local: Any) -> None:
    """One row's explanation as tables, the likeliest class first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    told = local.classes if local.task == "regression" else local.classes[:_CLASSES_TOLD]
    for block in told:
        fit = "no variation to explain" if block.r2 is None else f"R² {block.r2:.2f}"
        title = f"{block.name}: model {block.predicted:.3f}, surrogate {block.surrogate:.3f}, {fit}"
        console.print(Text(title, style="bold"), soft_wrap=True)
        table = Table(box=None, pad_edge=False)
        table.add_column("feature", overflow="fold")
        if valued := any(f.raw for f in block.features):
            table.add_column("value", overflow="fold")
        table.add_column("weight", justify="right", no_wrap=True)
        ranked = sorted(block.features, key=lambda f: -abs(f.weight))
        shown = ranked if local.domain == "tabular" else ranked[:_PARTS_TOLD]
        for f in shown:
            direction = "▲" if f.weight > 0 else "▼" if f.weight < 0 else " "
            weight = Text(f"{direction} {f.weight:+.4f}")
            table.add_row(Text(f.feature), *([Text(f.raw)] if valued else []), weight)
        console.print(table)
        if lighter := len(ranked) - len(shown):
            console.print(f"and {lighter:,} lighter ones")
    if left := len(local.classes) - len(told):
        console.print(f"and {left:,} classes that the model finds less likely")


def open_orders(results: Any) -> list[str]:
    """What is not decided, class by class: the hardest pair, and what it would take."""
    lines = []
    for facts in results.classes:
        c = facts.certificate
        if c is None or c.verdict == "decided":
            continue
        who = "all together" if facts.name == "*" else facts.name
        if not c.open:
            lines.append(f"{who}: the order of the first {c.top} is not certified, {c.rows:,} explanations are too few")
            continue
        pair, pool = c.open[0], sum(p.pool_share for p in c.open) / len(c.open)
        grown = "" if pair.growth is None else f"{pair.growth:,.{0 if pair.growth >= _FEW else 1}f}"
        budget = grown and f", which would take about {grown} times as many"
        what = "perturbations" if pool >= _MOSTLY else "rows" if pool <= 1 - _MOSTLY else "rows and perturbations"
        lines.append(
            f"{who}: {c.n_open:,} of {c.pairs:,} pairs in the order of the first {c.top} "
            f"{'is' if c.n_open == 1 else 'are'} open, the hardest {pair.first} and {pair.second}"
            f"{budget and f'{budget} {what}'}"
        )
    return lines[:_CLASSES_TOLD]


def pools(results: Any) -> str:
    """Whether perturbed rows show what real ones get."""
    if results.pools is None:
        return next((n.text for n in results.notices if n.code == "pools_not_compared"), "")
    said = next((n.text for n in results.notices if n.code.startswith("pools_")), "perturbed and real rows agree")
    excess = max(f.excess for f in results.pools.findings)
    return f"{said.rstrip('.')} (largest excess {excess:.2f}; {results.pools.disagree_from:g} is a finding)"


def methods(results: Any) -> str:
    """How far LIME and KernelSHAP agree, class by class; those that agree least where there are many."""
    if results.methods is None:
        return next((n.text for n in results.notices if n.code == "methods_not_compared"), "")
    known = (f for f in results.methods.findings if f.rank_correlation is not None)
    told = [
        f"{f.class_name} {f.rank_correlation:.2f} ({round(f.overlap * f.top)} of the first {f.top} shared)"
        for f in sorted(known, key=lambda f: f.rank_correlation)[:_CLASSES_TOLD]
    ]
    return f"rank correlation of LIME and KernelSHAP: {', '.join(told)}" if told else ""
