"""Loaded by every Python process that has this folder in PYTHONPATH: its wall clock is off by $FAULTS_CLOCK seconds.

`datetime` is another one for our own modules only: what is compiled against the real type does not bear another.
"""

import builtins
import datetime
import os
import time
import types

_OFFSET = float(os.environ.get("FAULTS_CLOCK", "0"))
_OURS = ("mlpo_core.", "pipelines.")
_real_time, _real_datetime, _real_import = time.time, datetime.datetime, builtins.__import__


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real_datetime)


class _Jumped(_real_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz=None):
        return _real_datetime.now(tz) + datetime.timedelta(seconds=_OFFSET)


def _import(name, globals=None, locals=None, fromlist=(), level=0):
    found = _real_import(name, globals, locals, fromlist, level)
    ours = name == "datetime" and (globals or {}).get("__name__", "").startswith(_OURS)
    return _jumped if ours else found


if _OFFSET:
    _jumped = types.ModuleType("datetime")
    _jumped.__dict__.update({**vars(datetime), "datetime": _Jumped})
    time.time = lambda: _real_time() + _OFFSET
    builtins.__import__ = _import
