"""Calls that overlap, with their results in order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(call: Callable[[T], R], items: Iterable[T], at_once: int) -> Generator[R]:
    """The results of a call on every item, in order, with up to `at_once` calls under way; 1 needs no other thread.

    To be closed where something that the calls use ends before the results do: that waits for calls under way.
    """
    if at_once == 1:
        yield from map(call, items)
        return
    with ThreadPoolExecutor(at_once) as executor:
        under_way: deque[Future[R]] = deque()
        for item in items:
            under_way.append(executor.submit(call, item))
            if len(under_way) == at_once:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
