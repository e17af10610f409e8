"""Say in one sentence what a disk or an object store refused, and what to do about it. Never repeats a credential."""

import errno
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from mlpo_core.errors import BadInput, Transient

_KEPT = "What is finished is kept: run the same command again afterwards"
_DISK = {
    errno.ENOSPC: f"the disk is full. Free some space (`python -m mlpo_core prune` says what nothing uses). {_KEPT}",
    errno.EDQUOT: f"the disk quota is used up. Free some space (`python -m mlpo_core prune`). {_KEPT}",
    errno.EFBIG: f"a file may not be as large as this here. Raise `ulimit -f`, or set MLPO_ROOT elsewhere. {_KEPT}",
    errno.EROFS: "the disk is read-only. Mount it writable, or set MLPO_ROOT to another place",
    errno.EACCES: "permission denied. Give this user the right to read and write there, or set MLPO_ROOT elsewhere",
    errno.EPERM: "permission denied. Give this user the right to read and write there, or set MLPO_ROOT elsewhere",
    errno.ENOTDIR: "a part of this path is a file, not a folder. Set MLPO_ROOT to a folder",
}
_CREDENTIALS = {
    "AccessDenied", "AllAccessDisabled", "ExpiredToken", "InvalidAccessKeyId", "InvalidSecurity", "InvalidToken",
    "NotSignedUp", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "TokenRefreshRequired", "401", "403",
}  # fmt: skip
_REGION = {
    "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "TemporaryRedirect",
    "301", "307",
}  # fmt: skip
_AWAY = {
    "InternalError", "OperationAborted", "RequestTimeout", "ServiceUnavailable", "SlowDown", "ThrottlingException",
    "500", "502", "503", "504",
}  # fmt: skip
_NO_SPACE_LEFT = 1 << 20
"""Bytes under which a disk counts as full: libraries that write weights do not always say why they failed."""


@contextmanager
def explained(url: str) -> Generator[None]:
    """Turn a refusal of the storage at `url` into `BadInput` or `Transient`; other errors pass as they are."""
    try:
        yield
    except Exception as error:
        if (known := explain(error, url)) is not None:
            raise known from error
        raise


def explain(error: BaseException, url: str) -> BadInput | Transient | None:
    """What to tell the user about an error of the storage at `url`; None for any other error."""
    if isinstance(error, BadInput | Transient):
        return None
    for cause in _chain(error):
        if urlsplit(url).scheme == "s3" and (known := _explain_s3(cause, url)):
            return known
        if isinstance(cause, OSError) and cause.errno in _DISK:
            return BadInput(f"{cause.filename or url}: {_DISK[cause.errno]}")
    return None


def explain_full_disk(error: BaseException, folder: Path) -> BadInput | None:
    """What to tell the user if an error of any kind came about because `folder` has no space left; else None."""
    if isinstance(error, BadInput | Transient) or shutil.disk_usage(folder).free >= _NO_SPACE_LEFT:
        return None
    return BadInput(f"{folder}: {_DISK[errno.ENOSPC]}")


def s3_code(error: BaseException) -> str:
    """The code with which an object store refused a request, or an empty string."""
    for cause in _chain(error):
        response = getattr(cause, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _explain_s3(error: BaseException, url: str) -> BadInput | Transient | None:
    # Only here where s3fs, and with it botocore and aiohttp, is in use already.
    import aiohttp
    from botocore import exceptions as boto

    bucket = urlsplit(url).netloc
    code = s3_code(error)
    if code == "NoSuchBucket":
        return BadInput(f"{url}: there is no bucket {bucket!r} at {_endpoint()}. Create it, or correct MLPO_ROOT")
    if code == "InvalidBucketName" or isinstance(error, boto.ParamValidationError):
        return BadInput(f"{url}: {bucket!r} cannot be the name of a bucket. Correct MLPO_ROOT")
    missing = boto.NoCredentialsError | boto.PartialCredentialsError | boto.CredentialRetrievalError
    if code in _CREDENTIALS or isinstance(error, missing):
        what = f"refuses these credentials ({code})" if code else "needs credentials"
        return BadInput(
            f"{url}: the object store at {_endpoint()} {what}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_PROFILE, to an identity that may list, read, write and delete there"
        )
    if code in _REGION or isinstance(error, boto.NoRegionError):
        return BadInput(f"{url}: the bucket is in another region. Set AWS_DEFAULT_REGION to the bucket's own")
    network = boto.ConnectionError | boto.HTTPClientError | aiohttp.ClientError | TimeoutError
    if code in _AWAY or isinstance(error, network):
        return Transient(
            f"{url}: the object store at {_endpoint()} cannot be reached or does not answer "
            f"({code or type(error).__name__}). Start it, or correct AWS_ENDPOINT_URL. {_KEPT}"
        )
    return None


def _endpoint() -> str:
    """Where requests go, without the user name and password that a URL can carry."""
    url = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not url:
        return "AWS"
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
