"""One engine, asked by many at once."""

from concurrent.futures import Future
from threading import Thread

from mlpo_core.engines import Engine, Sampling
from mlpo_core.serving.call import Call, Hear, make
from mlpo_core.serving.turns import Turns
from mlpo_core.types import Generation, Request


class Line:
    """Requests to one engine, from any thread.

    A future that is cancelled is not begun, or ends where the engine can end it.

    Args:
        engine: Whom they go to.
        turns: Calls an engine that one thread alone may call; others are called by a thread for each request, and
            form batches themselves.
    """

    def __init__(self, engine: Engine, turns: Turns) -> None:
        self._engine = engine
        self._turns = turns

    def ask(self, request: Request, sampling: Sampling, hear: Hear | None = None) -> Future[Generation]:
        """The generation, when it is there.

        Args:
            request: What is asked.
            sampling: How it is sampled.
            hear: Follows what is written, from another thread, where the engine can be followed.
        """
        call = Call(request, sampling, hear)
        self._turns.begun(call)
        if self._engine.at_once == 1:
            self._turns.put(self._engine, call)
        else:
            Thread(target=make, args=(self._engine, [call]), daemon=True).start()
        return call.future

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()
