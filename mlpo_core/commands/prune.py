"""Delete versions that nothing refers to, and what killed runs left."""

import argparse
from datetime import timedelta

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
        help="untouched hours after which what killed runs left counts (default: 24)",
    )
    parser.add_argument("--yes", action="store_true", help="delete; without it, only say what would go")


def run(options: argparse.Namespace) -> None:
    """Print what goes, and with `--yes` delete it."""
    store = Store(options.root)
    unused = prunable(versions(store))
    age = ABANDONED_AFTER if options.hours is None else timedelta(hours=options.hours)
    abandoned = leftovers(store, age)
    doing = "deleting" if options.yes else "would delete"
    for entry in unused:
        print(f"{doing} {entry.asset} {entry.key} {entry.bytes / 1e6:.2f} MB")
    for leftover in abandoned:
        where = leftover.folder.path(leftover.name)
        print(f"{doing} {leftover.what} {where} {leftover.bytes / 1e6:.2f} MB, last touched {leftover.touched:%F %R}")
    if options.yes:
        prune(store, unused)
        sweep(abandoned)
    size = sum(e.bytes for e in unused) + sum(e.bytes for e in abandoned)
    counted = f"{len(unused)} versions and {len(abandoned)} leftovers, {size / 1e6:.2f} MB"
    print(counted + ("" if options.yes else "; add --yes"))
