"""Every version that a report rests on, found through the keys in the manifests."""

from collections.abc import Mapping

from mlpo_core.store import Dataset, Store
from mlpo_core.store.schemas import SCHEMAS


def chain(inputs: Mapping[str, Dataset], store: Store) -> dict[str, Dataset]:
    """The inputs and what they were made from, in the order in which data flows.

    A version that has been deleted since is left out.
    """
    found = dict(inputs)
    waiting = list(inputs.values())
    while waiting:
        for asset, key in waiting.pop().manifest.input_keys.items():
            if asset not in found and key and (ref := store.find(asset, key)):
                found[asset] = Dataset(ref)
                waiting.append(found[asset])
    return {asset: found[asset] for asset in SCHEMAS if asset in found}
