"""Who may ask: holders of a key, or programs of this machine."""

import hmac
import ipaddress
import os
import re

from starlette.requests import Request

from mlpo_core.errors import BadInput
from mlpo_core.serving.refusal import Refusal

VARIABLE = "MLPO_API_KEYS"
_SHORTEST = 9
"""As `mlpo_core.messages` masks keys from this length on."""


class Guard:
    """Checks requests.

    Args:
        host: Address that the server listens on.

    Raises:
        BadInput: Others than this machine can reach it, and there are no keys.
    """

    def __init__(self, host: str) -> None:
        self._keys = [key.encode() for key in re.split(r"[\s,]+", os.environ.get(VARIABLE, "")) if key]
        self._local = is_loopback(host)
        if any(len(key) < _SHORTEST for key in self._keys):
            raise BadInput(f"{VARIABLE}: a key has fewer than {_SHORTEST} characters; take long random ones")
        if not self._keys and not self._local:
            raise BadInput(
                f"--host {host} can be reached by others: put keys into {VARIABLE}, separated by commas, which "
                "requests then carry as `Authorization: Bearer KEY`"
            )

    async def check(self, request: Request) -> None:
        """Refuse a request that may not ask. A coroutine, so that no thread is asked for it.

        Without keys a web page must not ask in its reader's name: only requests to a name of this machine count.

        Raises:
            Refusal: It has no valid key, or was sent to a name that is none of this machine.
        """
        if not self._keys:
            if not is_loopback(request.url.hostname or ""):
                raise Refusal("this server answers requests to 127.0.0.1 and localhost only", 403, "forbidden")
            return
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        key = given.strip().encode("utf-8", "replace")
        if scheme.lower() != "bearer" or not any([hmac.compare_digest(key, known) for known in self._keys]):
            raise Refusal("the API key is missing or wrong: send `Authorization: Bearer KEY`", 401, "invalid_api_key")


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
