"""List dataset and checkpoint versions."""

import argparse

from mlpo_core.progress import say
from mlpo_core.store import Store
from mlpo_core.store.catalog import versions


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--root", help="where data live: a path or URL (default: $MLPO_ROOT or ./.mlpo)")


def run(options: argparse.Namespace) -> None:
    """Print a line for each version, and which experiments use it."""
    store = Store(options.root)
    uses = list(store.pointers())
    for entry in versions(store, uses):
        state = entry.created or (f"damaged: {entry.damage}" if entry.damage else "unfinished")
        users = ", ".join(entry.used_by) or "-"
        say(f"{entry.asset:22} {entry.key}  {entry.rows:>9,} rows {entry.bytes / 1e6:>9.2f} MB  {state:25} {users}")
    for use in uses:
        if use.problem:
            say(f"{use.asset:22} {use.partition}: {use.problem}")
