"""Loaded by every Python process that has this folder in PYTHONPATH: its wall clock is off by $FAULTS_CLOCK seconds."""

import datetime
import os
import time

_OFFSET = float(os.environ.get("FAULTS_CLOCK", "0"))
_real_time, _real_datetime = time.time, datetime.datetime


class _Kind(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real_datetime)


class _Jumped(_real_datetime, metaclass=_Kind):
    @classmethod
    def now(cls, tz=None):
        return _real_datetime.now(tz) + datetime.timedelta(seconds=_OFFSET)


if _OFFSET:
    time.time = lambda: _real_time() + _OFFSET
    datetime.datetime = _Jumped
