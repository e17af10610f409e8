"""End this process and its children when the process that launched it is gone, however it went.

The launcher keeps the write end of a pipe; when it dies, even by SIGKILL, the kernel closes that end, and reading here
returns. The launcher starts the phase as the leader of a process group, so the group is exactly the phase's tree. It is
killed outright: nobody is left to escalate, and what is unfinished is resumed after any kill.
"""

import os
import signal
import threading

VARIABLE = "MLPO_LIFELINE"


def hold() -> None:
    """Watch the pipe whose number is in `$MLPO_LIFELINE`; without that variable do nothing."""
    number = os.environ.pop(VARIABLE, None)
    if number is not None:
        threading.Thread(target=_watch, args=(int(number),), name="lifeline", daemon=True).start()


def _watch(pipe: int) -> None:
    try:
        while os.read(pipe, 1):
            pass
    except OSError:
        return  # not the pipe that the launcher gave to its own child: this process was started by that child
    os.killpg(os.getpgrp(), signal.SIGKILL)
