"""Where a URL leads: every spelling of one place is one place, and what could mean another is refused."""

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from mlpo_core.errors import BadInput
from mlpo_core.store.names import inside

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)


class Place(NamedTuple):
    """A folder on a disk or in an object store."""

    is_local: bool
    base: str
    """An absolute path, or `bucket/prefix`; without a slash at its end."""


def place(url: str) -> Place:
    """The place that a URL or path means.

    Args:
        url: `/path`, `path`, `~/path`, `file:///path`, `file:/path`, `file://localhost/path` or `s3://bucket/prefix`;
            the scheme in any case, slashes at the end without meaning.

    Raises:
        BadInput: It means none, or is written so that it might mean two.
    """
    found = _SCHEME.match(url)
    if found is None:
        return _path(url, url)
    scheme, rest = found[1].lower(), found[2]
    if scheme == "file":
        return _file(url, rest)
    if scheme == "s3":
        return _s3(url, rest)
    raise BadInput(f"{url}: unsupported scheme {found[1]!r}; use a local path, file:// or s3://")


def _path(url: str, path: str) -> Place:
    try:
        absolute = Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise BadInput(f"{url}: there is no such user, or no home folder. Write the path out") from error
    # Through a link `..` leads elsewhere than the text says.
    told = str(absolute.resolve() if ".." in absolute.parts else absolute)
    return Place(True, f"/{told.lstrip('/')}" if os.sep == "/" else told)


def _file(url: str, rest: str) -> Place:
    path = rest
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        path = slash + path
        if host.lower() not in ("", "localhost"):
            raise BadInput(f"{url}: a file URL of another machine ({host}). Write file:///{host}/… if it is a folder")
    if not path.startswith("/"):
        raise BadInput(f"{url}: a file URL needs an absolute path, as in file:///data/mlpo")
    return _path(url, unquote(path))


def _s3(url: str, rest: str) -> Place:
    if "@" in rest.removeprefix("//").partition("/")[0]:
        raise BadInput(
            "the storage URL carries a user name or password. Put credentials in the environment "
            "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and write s3://bucket/prefix"
        )
    base = rest.removeprefix("//").rstrip("/")
    if not rest.startswith("//") or not inside(base):
        raise BadInput(
            f"{url}: write s3://bucket/prefix, without empty names, '.', '..' or control characters: an object store "
            "takes them as they are, so that the data would be somewhere else"
        )
    return Place(False, base)
