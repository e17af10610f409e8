"""End this process and its children when the process that launched it is gone, however it went.

The launcher keeps the write end of a pipe; when it dies, even by SIGKILL, the kernel closes that end, and reading here
returns. The launcher starts the phase as the leader of a process group, so the group is exactly the phase's tree. It is
killed outright: nobody is left to escalate, and what is unfinished is resumed after any kill.

torchrun puts each of its workers in a session of its own, where no group signal and no pipe reaches it: a worker asks
the kernel to be killed with its parent.
"""

import ctypes
import os
import signal
import sys
import threading

VARIABLE = "MLPO_LIFELINE"
_OF_TORCHRUN = "TORCHELASTIC_RUN_ID"
_PR_SET_PDEATHSIG = 1


def hold() -> None:
    """Watch the pipe whose number is in `$MLPO_LIFELINE`, or the parent under torchrun; otherwise do nothing."""
    if _OF_TORCHRUN in os.environ and sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died meanwhile
            os.kill(os.getpid(), signal.SIGKILL)
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
