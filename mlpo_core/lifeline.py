"""End this process and its children when the process that launched it is gone, however it went.

The launcher keeps the write end of a pipe; when it dies, even by SIGKILL, the kernel closes that end, and reading here
returns. The launcher starts the phase as the leader of a process group, so the group is exactly the phase's tree.
"""

import contextlib
import os
import signal
import threading
import time

VARIABLE = "MLPO_LIFELINE"
GRACE_S = 5.0


def hold() -> None:
    """Watch the pipe whose number is in `$MLPO_LIFELINE`; without that variable do nothing."""
    number = os.environ.pop(VARIABLE, None)
    if number is not None:
        threading.Thread(target=_watch, args=(int(number),), name="lifeline", daemon=True).start()


def _watch(pipe: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(pipe, 1):
            pass
    group = os.getpgrp()
    os.killpg(group, signal.SIGTERM)
    time.sleep(GRACE_S)
    os.killpg(group, signal.SIGKILL)
