"""Delete versions that nothing refers to, and what killed runs left."""

import argparse
from datetime import timedelta

from mlpo_core.errors import BadInput
from mlpo_core.experiment.files import folder, retired
from mlpo_core.store import Store
from mlpo_core.store.catalog import Entry, prunable, prune, versions
from mlpo_core.store.leftovers import ABANDONED_AFTER, leftovers, sweep


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")
    parser.add_argument(
        "--hours",
        type=float,
        metavar="N",
        help="untouched hours after which what killed runs left counts (default: 24)",
    )
    parser.add_argument(
        "--forget",
        action="append",
        default=[],
        metavar="NAME",
        help="an experiment without a file: let what only it uses go too (repeatable)",
    )
    parser.add_argument("--yes", action="store_true", help="delete; without it, only say what would go")


def run(options: argparse.Namespace) -> None:
    """Print what goes, and with `--yes` delete it."""
    store = Store(options.root)
    pointers = list(store.pointers())
    without_file = retired(dict.fromkeys(name for name, _ in pointers))
    forgotten: list[str] = options.forget
    for name in forgotten:
        if name not in without_file:
            there = ", ".join(without_file) or "none"
            raise BadInput(f"--forget {name}: not an experiment that has lost its file; those that have: {there}")
    entries = versions(store)
    unused = prunable(entries, forgotten)
    age = ABANDONED_AFTER if options.hours is None else timedelta(hours=options.hours)
    abandoned = leftovers(store, age)
    doing = "deleting" if options.yes else "would delete"
    for entry in unused:
        print(f"{doing} {entry.asset} {entry.key} {_megabytes(entry)}")
    for leftover in abandoned:
        where = leftover.folder.path(leftover.name)
        print(f"{doing} {leftover.what} {where} {leftover.bytes / 1e6:.2f} MB, last touched {leftover.touched:%F %R}")
    for name in without_file:
        if name not in forgotten:
            own = [e for e in prunable(entries, [name]) if e.used_by]
            print(f"kept for {name}, which has no file in {folder()}: {_megabytes(*own)}; --forget {name} lets it go")
    if options.yes:
        for name, ref in pointers:
            if name in forgotten:
                store.unpoint(name, ref.asset)
        prune(store, unused)
        sweep(abandoned)
    size = sum(e.bytes for e in unused) + sum(e.bytes for e in abandoned)
    counted = f"{len(unused)} versions and {len(abandoned)} leftovers, {size / 1e6:.2f} MB"
    print(counted + ("" if options.yes else "; add --yes"))


def _megabytes(*entries: Entry) -> str:
    return f"{sum(entry.bytes for entry in entries) / 1e6:.2f} MB"
