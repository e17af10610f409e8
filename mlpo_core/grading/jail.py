"""Run what a model wrote, locked in: a program of its own, which imports nothing of this project.

    python -s -P -B jail.py SOCKET

It imports the parts of the standard library that answers may use, gives up what it can of its user, its network and its
files, and then forks two processes for every answer. One has the answer, the other the tests; they share two pipes, and
only plain data goes through them, so that an answer cannot reach what tests it: it sees its arguments, and what it
returns is copied. Before either reads a line it is locked for good: the kernel refuses it every call but those that
compute, use memory, and read and write what is open, and limits its processor time and memory.

A request is a message with three pipes: where the tests are read, where their verdict goes, where the answer is read.
`end` stops both processes and tells how they ended.
"""

import builtins
import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn

CPU_S, MEMORY_BYTES = 5, 1 << 30
"""Limits of an answer's process, and of its tests': processor seconds, and address space."""
_MESSAGE_BYTES = 8 << 20
_DEEPEST = 60
_READ, _WRITE, _CALLS, _REPLIES = 3, 4, 5, 6

_MODULES = (
    "abc", "array", "ast", "base64", "binascii", "bisect", "calendar", "cmath", "codecs", "collections",
    "collections.abc", "contextlib", "copy", "dataclasses", "datetime", "_strptime", "decimal", "difflib",
    "encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.rot_13", "enum", "fractions",
    "functools", "hashlib", "heapq", "hmac", "inspect", "io", "itertools", "json", "keyword", "locale",
    "math", "numbers", "operator", "pprint", "queue", "random", "re", "secrets", "statistics", "string",
    "stringprep", "struct", "sys", "textwrap", "time", "traceback", "types", "typing", "unicodedata", "uuid",
    "warnings", "zlib",
)  # fmt: skip

_ARCHITECTURES: dict[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, (
        0, 1, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 24, 25, 28, 39, 60, 96, 102, 131, 186, 201, 202, 228, 229,
        231, 318, 334,
    )),
    "aarch64": (0xC00000B7, (
        57, 62, 63, 64, 65, 66, 80, 93, 94, 98, 113, 114, 124, 132, 134, 135, 139, 169, 172, 174, 178, 214, 215, 216,
        222, 226, 233, 278, 293,
    )),
}  # fmt: skip
"""By machine: its number in the kernel's filters, and the system calls that compute, use memory, tell the time, draw
random bytes, read and write what is open, and end. None opens, connects, starts, signals or waits."""
_PDEATHSIG, _SET_SECCOMP, _NO_NEW_PRIVS = 1, 22, 38
_FILTER, _ERRNO_EPERM, _ALLOW, _KILL = 2, 0x00050001, 0x7FFF0000, 0x80000000
_USER, _NET, _IPC, _UTS, _MOUNT = 0x10000000, 0x40000000, 0x08000000, 0x04000000, 0x00020000
_NOBODY = 65534


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint)]


class _Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.POINTER(_Instruction))]


def main(descriptor: int) -> None:
    """Serve until the socket closes."""
    for module in _MODULES:
        import_module(module)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    filters = _filters()
    asked = socket.socket(fileno=descriptor)
    asked.sendall(json.dumps(_apart(libc)).encode() + b"\n")
    while True:
        _, files, _, _ = socket.recv_fds(asked, 16, 3)
        if len(files) != 3:
            return
        calls, replies = os.pipe(), os.pipe()
        tests = {_READ: files[0], _WRITE: files[1], _CALLS: calls[1], _REPLIES: replies[0]}
        answer = {_READ: files[2], _CALLS: calls[0], _REPLIES: replies[1]}
        pids = [_start(_judge, tests, libc, filters), _start(_answer, answer, libc, filters)]
        for file in (*files, *calls, *replies):
            os.close(file)
        asked.recv(16)
        asked.sendall(json.dumps([_end(pid) for pid in pids]).encode() + b"\n")


def _apart(libc: Any) -> list[str]:
    """Give up network, files and user as far as the machine allows; what was given up.

    The lock of each process holds without: this is a second wall.
    """
    given: list[str] = []
    root = os.geteuid() == 0
    empty = tempfile.mkdtemp()
    os.chdir(empty)
    os.rmdir(empty)
    if libc.unshare((0 if root else _USER) | _NET | _IPC | _UTS | _MOUNT) == 0:
        given.append("network")
    if libc.chroot(b".") == 0:
        given.append("files")
    if root:
        with contextlib.suppress(OSError):  # a container may have no such user
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
            given.append("user")
    nothing = (ctypes.c_uint * 6)()
    libc.capset((ctypes.c_uint * 2)(0x20080522, 0), nothing)
    libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # which a change of user undoes
    return given


def _end(pid: int) -> int:
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _start(role: Callable[[], None], files: dict[int, int], libc: Any, filters: Any) -> int:
    """Fork a process that is locked before it reads anything."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        moved = {place: _above(file) for place, file in files.items()}
        for place, file in moved.items():
            os.dup2(file, place)
        for place in range(3, 256):
            if place not in files:
                with contextlib.suppress(OSError):
                    os.close(place)
        _lock(libc, filters)
        role()
        status = 0
    finally:
        os._exit(status)
    raise AssertionError  # os._exit does not return


def _above(file: int) -> int:
    """A copy of a descriptor that stands above all places where one is wanted."""
    copies = [file]
    while copies[-1] <= _REPLIES:
        copies.append(os.dup(copies[-1]))
    return copies[-1]


def _lock(libc: Any, filters: Any) -> None:
    """Limit this process for good, or end it."""
    for limit, most in (
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        resource.setrlimit(limit, (most, most))
    program = _Program(len(filters), filters)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0):
        os._exit(3)


def _filters() -> Any:
    """The kernel's filter of system calls for this machine."""
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES:
        sys.exit(f"nothing can be locked on {sys.platform} {platform.machine()}: Linux on x86_64 or aarch64 can")
    number, allowed = _ARCHITECTURES[platform.machine()]
    load, equal, end = 0x20, 0x15, 0x06
    steps = [(load, 0, 0, 4), (equal, 1, 0, number), (end, 0, 0, _KILL), (load, 0, 0, 0)]
    for call in allowed:
        steps += [(equal, 0, 1, call), (end, 0, 0, _ALLOW)]
    steps.append((end, 0, 0, _ERRNO_EPERM))
    return (_Instruction * len(steps))(*steps)


def _judge() -> None:
    """The process of the tests: its verdict is the last thing that it writes."""
    asked = json.loads(_whole(_READ))
    called = 0

    def candidate(*arguments: Any, **named: Any) -> Any:
        nonlocal called
        called += 1
        _send(_CALLS, _encoded([list(arguments), named]))
        told = json.loads(_receive(_REPLIES))
        if told[0] == "returned":
            return _decoded(told[1])
        kind: Any = getattr(builtins, str(told[1]), None)
        raised = kind if isinstance(kind, type) and issubclass(kind, Exception) else RuntimeError
        raise raised(str(told[2]))

    try:
        names: dict[str, Any] = {"__name__": "tests"}
        _run(asked["setup"], names)
        names |= {"candidate": candidate, asked["entry_point"]: candidate}
        _run(asked["tests"], names)
        if callable(names.get("check")):
            names["check"](candidate)
        for name, value in list(names.items()):
            if name.startswith("test_") and callable(value):
                value()
        passed, reason = called > 0, "" if called else "the tests never call the answer"
    except BaseException as error:
        passed, reason = False, f"{type(error).__name__}: {error!s:.200}"
    os.write(_WRITE, json.dumps([passed, reason]).encode())


def _answer() -> None:
    """The process of the answer: calls its function as often as it is asked to."""
    asked = json.loads(_whole(_READ))
    sys.stdout = sys.stderr = _Nowhere()  # pyright: ignore[reportAttributeAccessIssue]
    wrong: BaseException | None = None
    function: Any = None
    try:
        function = _defined(asked["setup"], asked["answer"])[asked["entry_point"]]
    except BaseException as error:
        wrong = error
    while True:
        arguments, named = _decoded(json.loads(_receive(_CALLS)))
        try:
            if wrong is not None:
                raise wrong
            told = ["returned", _encoded(function(*arguments, **named))]
        except BaseException as error:
            told = ["raised", type(error).__name__, str(error)[:200]]
        _send(_REPLIES, told)


def _defined(setup: str, answer: str) -> dict[str, Any]:
    """The names that an answer defines: a whole program, or the rest of the function in which the setup ends."""
    names: dict[str, Any] = {"__name__": "answer"}
    try:
        compile(answer, "answer", "exec")
    except SyntaxError:
        _run(f"{setup}\n{answer}", names)
        return names
    _run(setup, names)
    before = dict(names)
    _run(answer, names)
    return {name: value for name, value in names.items() if before.get(name) is not value}


class _Nowhere:
    """What an answer prints is no answer."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        """Take a text and drop it."""
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


def _run(source: str, names: dict[str, Any]) -> None:
    exec(compile(source, "answer", "exec"), names)  # noqa: S102 - this process is locked, and made for it


def _encoded(value: Any, depth: int = 0) -> Any:
    """Plain data as JSON that tells its types apart.

    Raises:
        TypeError: It is none, or too deep.
    """
    if value is None or isinstance(value, bool):
        return value
    if depth > _DEEPEST:
        raise TypeError(f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return {"i": hex(value)}
    if isinstance(value, float):
        return {"f": float(value).hex()}
    if isinstance(value, complex):
        return {"c": [value.real.hex(), value.imag.hex()]}
    if isinstance(value, bytes | bytearray):
        return {"b": bytes(value).hex()}
    for kind, name in ((list, "l"), (tuple, "t"), (set, "s"), (frozenset, "z")):
        if isinstance(value, kind):
            return {name: [_encoded(item, depth + 1) for item in value]}
    if isinstance(value, dict):
        return {"d": [[_encoded(k, depth + 1), _encoded(v, depth + 1)] for k, v in value.items()]}
    raise TypeError(f"a {type(value).__name__} is no plain data, which alone can be compared")


def _decoded(value: Any) -> Any:
    """What `_encoded` was made of, with Python's own types alone."""
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    match kind:
        case "i":
            return int(held, 16)
        case "f":
            return float.fromhex(held)
        case "c":
            return complex(float.fromhex(held[0]), float.fromhex(held[1]))
        case "b":
            return bytes.fromhex(held)
        case "d":
            return {_decoded(k): _decoded(v) for k, v in held}
        case _:
            kinds: dict[str, Callable[[Any], Any]] = {"l": list, "t": tuple, "s": set, "z": frozenset}
            return kinds[kind](_decoded(item) for item in held)


def _send(file: int, value: Any) -> None:
    data = json.dumps(value).encode()
    if len(data) > _MESSAGE_BYTES:
        data = json.dumps(["raised", "ValueError", "more data than can be compared"]).encode()
    left = struct.pack(">I", len(data)) + data
    while left:
        left = left[os.write(file, left) :]


def _receive(file: int) -> bytes:
    (length,) = struct.unpack(">I", _exactly(file, 4))
    if length > _MESSAGE_BYTES:
        _gone()
    return _exactly(file, length)


def _exactly(file: int, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = os.read(file, length - len(data))
        if not more:
            _gone()
        data += more
    return data


class _Gone(BaseException):
    """The other process ended: no exception that a test may expect of an answer."""


def _gone() -> NoReturn:
    raise _Gone("the answer's process ended")


def _whole(file: int) -> bytes:
    data = b""
    while more := os.read(file, 1 << 20):
        data += more
    return data


if __name__ == "__main__":
    main(int(sys.argv[1]))
