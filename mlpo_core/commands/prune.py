"""Delete versions that nothing refers to, and what killed runs left."""

import argparse
from datetime import timedelta

from mlpo_core.errors import BadInput
from mlpo_core.experiment.files import folder, names, retired
from mlpo_core.progress import say
from mlpo_core.store import Store, points
from mlpo_core.store.catalog import Entry, prunable, prune, versions
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
    parser.add_argument(
        "--forget",
        action="append",
        default=[],
        metavar="NAME",
        help="an experiment without a file, or a point named for one run: let what only it uses go too (repeatable)",
    )
    parser.add_argument("--yes", action="store_true", help="delete; without it, only say what would go")


def run(options: argparse.Namespace) -> None:
    """Print what goes, and with `--yes` delete it."""
    store = Store(options.root)
    age = ABANDONED_AFTER if options.hours is None else timedelta(hours=options.hours)
    uses = list(store.pointers())
    for problem in (use.problem for use in uses if use.problem):
        say(f"keeping all that it may name: {problem}")
    named = points.recorded(store)
    without_file = retired(
        dict.fromkeys([*named, *(use.partition for use in uses)]), lambda path: [*names(path), *named]
    )
    forgotten: list[str] = options.forget
    for name in forgotten:
        if name not in (*without_file, *named):
            there = ", ".join(dict.fromkeys([*without_file, *named])) or "none"
            raise BadInput(
                f"--forget {name}: not an experiment that has lost its file, or a named point; those are: {there}"
            )
    known = versions(store, uses)
    unused, abandoned = prunable(known, age, forgotten), leftovers(store, age)
    young = len(prunable(known, timedelta(0), forgotten)) - len(unused)
    doing = "deleting" if options.yes else "would delete"
    for entry in unused:
        say(f"{doing} {entry.asset} {entry.key} {_megabytes(entry)}")
    for leftover in abandoned:
        where = leftover.folder.path(leftover.name)
        say(f"{doing} {leftover.what} {where} {leftover.bytes / 1e6:.2f} MB, last touched {leftover.touched:%F %R}")
    for name in without_file:
        if name not in forgotten:
            own = [e for e in prunable(known, age, [name]) if e.used_by]
            say(f"kept for {name}, which has no file in {folder()}: {_megabytes(*own)}; --forget {name} lets it go")
    if options.yes and (unused or abandoned or forgotten):
        store.own()
        for use in uses:
            if use.partition in forgotten:
                store.unpoint(use.partition, use.asset)
        for name in set(forgotten) & set(named):
            points.forget(store, name)
        for entry in prune(store, unused):
            say(f"kept {entry.asset} {entry.key}: it has just come into use")
        sweep(abandoned)
    size = sum(e.bytes for e in unused) + sum(e.bytes for e in abandoned)
    counted = f"{len(unused)} versions and {len(abandoned)} leftovers, {size / 1e6:.2f} MB"
    kept = f"; {young} more will be old enough, or with --hours" if young else ""
    say(counted + kept + ("" if options.yes else "; add --yes"))


def _megabytes(*entries: Entry) -> str:
    return f"{sum(entry.bytes for entry in entries) / 1e6:.2f} MB"
