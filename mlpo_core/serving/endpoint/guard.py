"""Who may ask: holders of a key, or programs of this machine."""

from starlette.requests import Request

from mlpo_core.listening.keys import Keys, is_loopback
from mlpo_core.serving.refusal import Refusal


class Guard:
    """Checks requests.

    Args:
        host: Address that the server listens on.

    Raises:
        BadInput: Others than this machine can reach it, and there are no keys.
    """

    def __init__(self, host: str) -> None:
        self._keys = Keys(host)

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
        if scheme.lower() != "bearer" or not self._keys.known(given.strip()):
            raise Refusal("the API key is missing or wrong: send `Authorization: Bearer KEY`", 401, "invalid_api_key")
