"""Sends files to a repository of the Hugging Face hub, in one commit: whoever looks sees all of them or none."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from mlpo_core.errors import BadInput, Transient

_GIT = ".gitattributes"
"""What the hub itself puts into every repository."""
_BUSY = 429
_BROKEN = 500


class Parcel(NamedTuple):
    """What is sent to one repository.

    Attributes:
        repository: `OWNER/NAME`.
        kind: What it is on the hub.
        private: Whether nobody else may see it.
        sizes: Bytes by the file's name in the repository.
        contents: Reads and verifies them: a path on this machine, or the bytes, by that name.
    """

    repository: str
    kind: Literal["model", "dataset"]
    private: bool
    sizes: Mapping[str, int]
    contents: Callable[[], Mapping[str, Path | bytes]]

    def told(self) -> str:
        """What would be sent where, on one line."""
        seen = "private" if self.private else "public"
        size = sum(self.sizes.values())
        return f"{self.kind} repository {self.repository} ({seen}): {len(self.sizes)} files, {size:,} bytes"


def token() -> str:
    """The hub's token of this user, from the places where Hugging Face's own tools keep it.

    Raises:
        BadInput: There is none, or requests to the hub are switched off.
    """
    from huggingface_hub import constants, get_token

    if constants.is_offline_mode():
        raise BadInput("HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set: nothing is sent. Unset it to send")
    found = get_token()
    if not found:
        raise BadInput("no token for the Hugging Face hub: log in with `hf auth login`, or set HF_TOKEN")
    return found


def send(parcel: Parcel, secret: str, message: str) -> str:
    """Make the repository where there is none, and a commit in it; returns what was done, a sentence or more.

    Files there that are not sent stay. What has arrived of an upload that was killed is not sent again.

    Args:
        parcel: What, and where.
        secret: The token.
        message: Of the commit.

    Raises:
        BadInput: The token does not do, the repository is public and must not be, or a file is damaged.
        Transient: The hub cannot be reached, or has no time.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    contents = parcel.contents()
    api = HfApi(token=secret)
    where = f"{api.endpoint}/{'datasets/' if parcel.kind == 'dataset' else ''}{parcel.repository}"
    with _in_words(parcel, api.endpoint, secret):
        found = _found(api, parcel)
        is_new = found is None
        if is_new:
            api.create_repo(parcel.repository, repo_type=parcel.kind, private=parcel.private, exist_ok=True)
            found = _info(api, parcel)
        _check_privacy(parcel, found)
        names = [sibling.rfilename for sibling in found.siblings or []]
        operations = [CommitOperationAdd(name, _given(content)) for name, content in sorted(contents.items())]
        commit = api.create_commit(parcel.repository, operations, commit_message=message, repo_type=parcel.kind)
    if commit.oid == found.sha:
        return f"{where} holds exactly these files already: no new commit"
    others = sorted(name for name in names if name not in contents and name != _GIT)
    done = f"{where}: sent as {'the first' if is_new else 'a new'} commit {commit.oid}"
    known = "" if is_new else "; what was there stays in its history"
    stay = f". Not of what was sent, and left there: {', '.join(others[:10])}" if others else ""
    more = f" and {len(others) - 10} more" if len(others) > 10 else ""
    return f"{done}{known}{stay}{more}"


def _given(content: Path | bytes) -> str | bytes:
    return content if isinstance(content, bytes) else str(content)


def _info(api: Any, parcel: Parcel) -> Any:
    return api.repo_info(parcel.repository, repo_type=parcel.kind)


def _found(api: Any, parcel: Parcel) -> Any:
    """What the hub says of the repository, or None where it shows none."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        return _info(api, parcel)
    except RepositoryNotFoundError:
        return None


def _check_privacy(parcel: Parcel, found: Any) -> None:
    if parcel.private and not found.private:
        raise BadInput(
            f"{parcel.repository}: this {parcel.kind} repository is public, and push_to_hub.private is true: nothing "
            "was sent. Make it private on the hub, name another, or say push_to_hub: {private: false}"
        )


@contextmanager
def _in_words(parcel: Parcel, endpoint: str, secret: str) -> Generator[None]:
    """What goes wrong on the way, as one of our errors; the token is in none, whatever the server sends back."""
    import httpx
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except (HFValidationError, httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        reason = error.__cause__ if type(error) is RuntimeError and error.__cause__ else error
        what = " ".join(str(reason).replace(secret, "***").split())[:300]
        status = getattr(getattr(reason, "response", None), "status_code", None)
        raise _worded(parcel, endpoint, what, status, isinstance(reason, ValueError)) from None


def _worded(parcel: Parcel, endpoint: str, what: str, status: int | None, is_wrong: bool) -> BadInput | Transient:
    again = "The same command goes on: what has arrived is not sent again"
    owner = parcel.repository.partition("/")[0]
    if status == 401:
        return BadInput(f"{endpoint} does not accept the token: log in again with `hf auth login`, or set HF_TOKEN")
    if status in (403, 404):
        return BadInput(
            f"{parcel.repository}: {endpoint} has no owner {owner}, or the token may not write there: check "
            f"push_to_hub, and that the token has the right to write ({what})"
        )
    if status == _BUSY or (status is not None and status >= _BROKEN):
        return Transient(f"{parcel.repository}: {endpoint} answers {status} ({what}). {again}")
    if status is not None or is_wrong:
        return BadInput(f"{parcel.repository}: {endpoint} refuses it: {what}")
    return Transient(f"{parcel.repository}: {endpoint} cannot be reached, or broke off ({what}). {again}")
