"""A step's means over its tokens. TRL logs the mean of its micro-batches' means, whatever tokens each of them held."""

from collections.abc import MutableMapping


class TokenMeans:
    """Folds what TRL has just appended for a micro-batch into one mean over the step so far.

    Args:
        metrics: TRL's lists of values by metric, emptied when a step is logged; what is averaged there is of length
            one from then on.
    """

    def __init__(self, metrics: MutableMapping[str, list[float]]) -> None:
        self._metrics = metrics
        self._weights: dict[str, float] = {}

    def fold(self, name: str, tokens: float, share: float = 1.0) -> None:
        """Count the last value of a metric as the mean over `tokens`, of which all but `share` had zero."""
        if not (values := self._metrics.get(name)):
            return
        *before, latest = values
        known = self._weights.get(name, 0.0) if before else 0.0
        self._weights[name] = known + tokens
        if self._weights[name]:
            values[:] = [(sum(before) * known + latest * share * tokens) / self._weights[name]]
        else:
            del self._metrics[name]  # nothing has been measured in this step yet
