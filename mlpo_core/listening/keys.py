"""The keys that are wanted wherever others than this machine can connect."""

import hmac
import ipaddress
import os
import re

from mlpo_core.errors import BadInput

VARIABLE = "MLPO_API_KEYS"
_SHORTEST = 9
"""As `mlpo_core.messages` masks keys from this length on."""


class Keys:
    """The keys of the environment.

    Args:
        host: Address that a server listens on.

    Raises:
        BadInput: Others than this machine can reach it, and there are no keys.
    """

    def __init__(self, host: str) -> None:
        self._keys = [key.encode() for key in re.split(r"[\s,]+", os.environ.get(VARIABLE, "")) if key]
        if any(len(key) < _SHORTEST for key in self._keys):
            raise BadInput(f"{VARIABLE}: a key has fewer than {_SHORTEST} characters; take long random ones")
        if not self._keys and not is_loopback(host):
            raise BadInput(
                f"--host {host} can be reached by others: put keys into {VARIABLE}, separated by commas, which "
                "requests then carry as `Authorization: Bearer KEY`"
            )

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._keys)

    def known(self, given: str) -> bool:
        """Whether this is one of them; takes as long whichever it is like."""
        key = given.encode("utf-8", "replace")
        return any([hmac.compare_digest(key, known) for known in self._keys])


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
