"""A question that is not answered, and why: for a person, and for a program that asks over HTTP."""

from mlpo_core.errors import BadInput


class Refusal(BadInput):
    """
    Args:
        message: What is wrong, and what to do.
        status: HTTP status that says the same.
        code: The same for a program.
        param: Field of the request that is wrong.
        retry_after: Seconds after which the same may succeed; None where that does not help.
    """

    def __init__(
        self,
        message: str,
        status: int = 400,
        code: str = "invalid_request",
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.retry_after = retry_after
