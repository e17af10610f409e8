"""Read a benchmark from the Hugging Face hub through `datasets`, failing at once where the hub is out of reach."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

from mlpo_core.errors import BadInput, Transient
from mlpo_core.tasks.parsing import RawRow
from mlpo_core.tasks.sources import HUB, Source

_TIMEOUT_S = 10


def hub_rows(source: Source, configuration: str, split: str) -> Iterator[RawRow]:
    """Rows of one split of a benchmark's hub dataset, at the source's revision. Raises as `dataset`."""
    repository = HUB[source.config.benchmark]
    rows = dataset(source, repository, configuration, split)
    for number, fields in enumerate(rows):
        yield RawRow(f"{repository}@{source.config.revision}, {configuration}/{split}, row {number}", dict(fields))


def dataset(source: Source, repository: str, configuration: str | None, split: str | None) -> Any:
    """A split of a hub dataset at the source's revision; all splits by name where none is given.

    `datasets` alone would try for half a minute per file; the hub is asked once before. Without it the local cache is
    used, if the dataset is in it.

    Raises:
        BadInput: The hub cannot be reached and nothing is cached, or it has no such dataset or revision.
        Transient: The hub answered with a server error.
    """
    from datasets import load_dataset

    label = f"{repository}@{source.config.revision}"
    reachable = _reachable(source, repository)
    try:
        with _offline(not reachable):
            return load_dataset(repository, configuration, split=split, revision=source.config.revision)
    except ConnectionError as error:
        if reachable:
            raise Transient(f"{source.field}: the hub went away while {label} was read: {error}") from error
        raise BadInput(
            f"{source.field}.source: hub: the Hugging Face hub cannot be reached and {label} is not cached here. "
            f"Go online, or set source to a folder with the {source.config.benchmark} files."
        ) from error
    except (ValueError, RuntimeError, OSError) as error:
        part = f"{configuration or 'default'}/{split or 'all splits'}"
        raise BadInput(f"{source.field}: cannot read {label}, {part}, from the hub: {error}") from error


def _reachable(source: Source, repository: str) -> bool:
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:
        HfApi().dataset_info(repository, revision=source.config.revision, timeout=_TIMEOUT_S)
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status >= 500 or status == 429:
            raise Transient(f"{source.field}: the hub answered {status} for {repository}") from error
        raise BadInput(
            f"{source.field}.revision: the hub refuses {repository}@{source.config.revision} ({status}). "
            f"Check the revision and your access."
        ) from error
    except (OfflineModeIsEnabled, httpx.TransportError, OSError):
        return False
    return True


@contextmanager
def _offline(wanted: bool) -> Generator[None]:
    """Make `datasets` look into its cache only; it reads the switch at import, so the environment is too late."""
    import datasets.config
    import huggingface_hub.constants

    switches: list[Any] = [datasets.config, huggingface_hub.constants]
    before = [module.HF_HUB_OFFLINE for module in switches]
    try:
        for module, value in zip(switches, before, strict=True):
            module.HF_HUB_OFFLINE = value or wanted
        yield
    finally:
        for module, value in zip(switches, before, strict=True):
            module.HF_HUB_OFFLINE = value
