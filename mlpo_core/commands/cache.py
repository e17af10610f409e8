"""Show the answers of endpoints that are stored, and delete some."""

import argparse
from datetime import UTC, datetime, timedelta

from mlpo_core.errors import BadInput
from mlpo_core.progress import say
from mlpo_core.store import Store
from mlpo_core.store.answers import Stored
from mlpo_core.store.answers.overview import Overview, Sums, overview, prune


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")
    parser.add_argument("--older-than", type=float, metavar="DAYS", help="delete answers that arrived before that")
    parser.add_argument("--model", metavar="NAME", help="delete answers of this model")
    parser.add_argument("--yes", action="store_true", help="delete; without it, only say what would go")


def run(options: argparse.Namespace) -> None:
    """Print what is stored; with a choice say what of it goes, and with `--yes` delete that.

    Raises:
        BadInput: `--yes` without a choice.
    """
    store = Store(options.root)
    if options.older_than is None and options.model is None:
        if options.yes:
            raise BadInput("cache --yes: say what goes: --older-than DAYS (0 for all of them), --model NAME, or both")
        _show(overview(store))
        return
    before = (datetime.now(UTC) - timedelta(days=options.older_than or 0)).timestamp()

    def goes(answer: Stored) -> bool:
        old = options.older_than is None or answer.at <= before
        return old and options.model in (None, answer.model)

    chosen = overview(store, goes).models
    for name, sums in chosen.items():
        if sums.answers:
            say(f"{'deleting' if options.yes else 'would delete'} {sums.answers:,} answers of {name}, {_size(sums)}")
    if options.yes and (passed := prune(store, goes)):
        say(f"kept what {passed} running processes have added; run this again when they have ended")
    total = sum(sums.answers for sums in chosen.values())
    say(f"{total:,} answers" + ("" if options.yes else "; add --yes"))


def _show(found: Overview) -> None:
    counts = f"{'answers':>9} {'size':>11} {'tokens read':>13} {'written':>12}"
    say(f"{'model':40} {counts} {'spent':>11} {'found again':>12} {'saved':>11}")
    everything = Sums()
    for name, sums in sorted(found.models.items()):
        say(_row(name, sums))
        for field, value in vars(sums).items():
            setattr(everything, field, getattr(everything, field) + value)
    say(_row("together", everything))
    for payer, dollars in sorted(found.payers.items()):
        if dollars:
            say(f"spent by {payer}: ${dollars:.4f}")


def _row(name: str, sums: Sums) -> str:
    return (
        f"{name:40.40} {sums.answers:>9,} {_size(sums):>11} {sums.prompt_tokens:>13,} {sums.completion_tokens:>12,} "
        f"{_dollars(sums.dollars):>11} {sums.hits:>12,} {_dollars(sums.saved):>11}"
    )


def _size(sums: Sums) -> str:
    return f"{sums.bytes / 1e6:.2f} MB"


def _dollars(value: float) -> str:
    return f"${value:.4f}"
