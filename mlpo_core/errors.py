"""The two kinds of failure a caller can act on; everything else is a bug and keeps its traceback."""


class BadInput(Exception):
    """The request cannot succeed as it is: says what is wrong, where, and what to do. Exit code 2."""


class NotMade(BadInput):
    """An input that has not been made. Its message ends with the command that makes it.

    Attributes:
        reason: What is missing, a sentence.
        asset: What to make first.
    """

    def __init__(self, reason: str, asset: str, experiment: str) -> None:
        super().__init__(f"{reason} Run: mlpo run {experiment} {asset}")
        self.reason = reason
        self.asset = asset


class Transient(Exception):
    """The same request may succeed later (a server away, a rate limit). Exit code 75, the only one retried."""


def missing_extra(package: str, extra: str) -> BadInput:
    """The error for an optional dependency that is not installed."""
    return BadInput(f"{package} is not installed. Install it with: pip install 'mlpo[{extra}]'")
