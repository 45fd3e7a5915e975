"""What every command does around its work: one message for an error, progress on standard error."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from limekiln.errors import LimekilnError

if TYPE_CHECKING:
    from limekiln.values import Listener

INTERRUPTED = 130


@contextmanager
def errors(*, debug: bool) -> Iterator[None]:
    """Turns what went wrong into one message on standard error and the contract's exit code."""
    try:
        yield
    except LimekilnError as error:
        if debug:
            raise
        say(f"error: {error}")
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        say("interrupted; the batches that were finished are kept for: limekiln run CONFIG --resume")
        raise typer.Exit(INTERRUPTED) from None
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if debug:
            raise
        say(f"error: {type(error).__name__}: {error} (this is a defect of limekiln; --debug shows where)")
        raise typer.Exit(1) from None


@contextmanager
def progress() -> Iterator["Listener"]:
    """A bar on a terminal, one line a tenth of a stage elsewhere."""
    if not sys.stderr.isatty():
        yield _log_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:>10}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def draw(event: Any) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = bars.add_task(event.stage, total=event.total)
            bars.update(tasks[event.stage], completed=event.done, total=event.total)

        yield draw


def _log_lines() -> "Listener":
    said: dict[str, int] = {}

    def log(event: Any) -> None:
        tenth = 10 * event.done // max(event.total, 1)
        if said.get(event.stage) != tenth:
            said[event.stage] = tenth
            say(f"{event.stage}: {event.done} of {event.total} batches")

    return log


def say(message: str) -> None:
    """One line on standard error."""
    print(message, file=sys.stderr, flush=True)
