"""Who may read: holders of a key, or browsers of this machine."""

import base64
import binascii
import os
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mlpo_core.listening.addresses import VARIABLE
from mlpo_core.listening.keys import Keys, is_loopback


class Guard:
    """Checks requests.

    Args:
        host: Address that the server listens on.

    Raises:
        BadInput: Others than this machine can reach it, and there are no keys.
    """

    def __init__(self, host: str) -> None:
        self._keys = Keys(host)

    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not read; None to one that may.

        A browser asks its reader for the key as a password, of any user. Without keys a page elsewhere must not read
        under a name of its own: only requests to a name of this machine count, or to that of $MLPO_VIEWER_URL.
        """
        if not self._keys:
            host = request.url.hostname or ""
            if is_loopback(host) or host == urlsplit(os.environ.get(VARIABLE, "")).hostname:
                return None
            return PlainTextResponse("this server answers requests to 127.0.0.1 and localhost only\n", 403)
        if self._keys.known(_given(request.headers.get("authorization", ""))):
            return None
        asks = {"WWW-Authenticate": 'Basic realm="mlpo: any user, a key of MLPO_API_KEYS as password", charset="UTF-8"'}
        return PlainTextResponse("a key of MLPO_API_KEYS is wanted, as the password of any user\n", 401, asks)


def _given(header: str) -> str:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace").partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
