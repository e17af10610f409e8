"""What is heard of a batch while it is written: text, at a cost per token that does not grow with the text."""

from collections.abc import Collection, Sequence
from typing import Any

from mlpo_core.engines.protocol import Audience


class Growing:
    """The text of tokens that come one by one.

    Only the end is decoded anew, from the last but one place at which it stood as text of its own: how a token reads
    depends on the one before. Half of a character waits for its other half.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._known = ""
        """The text of `_ids`, as far as it has been told."""
        self._told = 0
        """Ids that `_known` covers."""
        self.text = ""

    def add(self, token: int) -> str:
        """The whole text, with one more token."""
        self._ids.append(token)
        now = self._decode(self._ids)
        if len(now) > len(self._known) and not now.endswith("\ufffd"):
            self.text += now[len(self._known) :]
            self._ids = self._ids[self._told :]
            self._told = len(self._ids)
            self._known = self._decode(self._ids)
        return self.text

    def _decode(self, ids: list[int]) -> str:
        return self._tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)


class Followed:
    """Tells an audience about the rows of one batch (`mlpo_core.engines.decoding.Watch`).

    Args:
        tokenizer: Reads the tokens.
        audience: Who is told.
        requests: For every row, the place of its request in the call.
    """

    def __init__(self, tokenizer: Any, audience: Audience, requests: Sequence[int]) -> None:
        self._audience = audience
        self._requests = requests
        self._row = {request: row for row, request in enumerate(requests)}
        self._texts = {self._row[n]: Growing(tokenizer) for n in audience.readers if n in self._row}
        self.reads = bool(self._texts)

    def wrote(self, rows: Sequence[int], tokens: Sequence[int]) -> None:
        """See `Watch.wrote`."""
        for row, token in zip(rows, tokens, strict=True):
            if text := self._texts.get(row):
                self._audience.hear(self._requests[row], text.add(token))

    def left(self) -> Collection[int]:
        """See `Watch.left`."""
        return [self._row[n] for n in self._audience.left() if n in self._row]
