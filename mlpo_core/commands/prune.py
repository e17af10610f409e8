"""Delete versions that nothing refers to, and what killed runs left."""

import argparse
from datetime import timedelta

from mlpo_core.progress import say
from mlpo_core.store import Store
from mlpo_core.store.catalog import prunable, prune, versions
from mlpo_core.store.leftovers import ABANDONED_AFTER, leftovers, sweep


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")
    parser.add_argument(
        "--hours",
        type=float,
        metavar="N",
        help="age at which what nothing uses, and what killed runs left, is deleted (default: 24)",
    )
    parser.add_argument("--yes", action="store_true", help="delete; without it, only say what would go")


def run(options: argparse.Namespace) -> None:
    """Print what goes, and with `--yes` delete it."""
    store = Store(options.root)
    age = ABANDONED_AFTER if options.hours is None else timedelta(hours=options.hours)
    uses = list(store.pointers())
    for problem in (use.problem for use in uses if use.problem):
        say(f"keeping all that it may name: {problem}")
    known = versions(store, uses)
    unused, abandoned = prunable(known, age), leftovers(store, age)
    young = len(prunable(known, timedelta(0))) - len(unused)
    doing = "deleting" if options.yes else "would delete"
    for entry in unused:
        say(f"{doing} {entry.asset} {entry.key} {entry.bytes / 1e6:.2f} MB")
    for leftover in abandoned:
        where = leftover.folder.path(leftover.name)
        say(f"{doing} {leftover.what} {where} {leftover.bytes / 1e6:.2f} MB, last touched {leftover.touched:%F %R}")
    if options.yes and (unused or abandoned):
        store.own()
        for entry in prune(store, unused):
            say(f"kept {entry.asset} {entry.key}: it has just come into use")
        sweep(abandoned)
    size = sum(e.bytes for e in unused) + sum(e.bytes for e in abandoned)
    counted = f"{len(unused)} versions and {len(abandoned)} leftovers, {size / 1e6:.2f} MB"
    kept = f"; {young} more will be old enough, or with --hours" if young else ""
    say(counted + kept + ("" if options.yes else "; add --yes"))
