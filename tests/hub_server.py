"""A hub on loopback that takes uploads: as much of its protocol as a commit of small and large files takes."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SMALL = 512
"""Files up to this many bytes come within the commit, larger ones on their own before it."""
_LOCKED = re.compile(r"/api/(models|datasets|repos)/|.*\.git/")
"""What is about repositories: answered only with the token. A large file goes to an address that the hub has named."""
_IN_API = re.compile(r"/api/(model|dataset)s/([^/]+/[^/]+)(?:/(preupload|commit|revision)/main)?")


class Repository:
    """One repository: whether others see it, and its files as of the last commit."""

    def __init__(self, private: bool) -> None:
        self.private = private
        self.commits = 0
        self.files: dict[str, bytes] = {".gitattributes": b"* text\n"}

    @property
    def sha(self) -> str:
        return f"{self.commits:040x}"


class Hub:
    """What it holds, and what it was asked.

    Attributes:
        url: Its address.
        repositories: By kind and name.
        owners: Who may make and fill repositories.
        tokens: Authorization headers, one for each request about a repository.
        uploads: Hashes of large files that arrived, once for each time.
        refusal: Answered to everything instead, with this status, where it is set.
        on_upload: Called before a large file is taken.
    """

    def __init__(self, token: str) -> None:
        self.url = ""
        self.token = token
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.owners = {"owner"}
        self.tokens: list[str] = []
        self.uploads: list[str] = []
        self.blobs: dict[str, bytes] = {}
        self.refusal = 0
        self.on_upload: Callable[[], None] = lambda: None

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if path.startswith("/lfs/"):
            return self._upload(path.removeprefix("/lfs/"), body)
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path.endswith(".git/info/lfs/objects/batch"):
            wanted = json.loads(body)["objects"]
            return 200, {"transfer": "basic", "objects": [self._place(one) for one in wanted]}
        if found := _IN_API.fullmatch(path):
            repository = self.repositories.get((found[1], found[2]))
            if repository is None:
                return 404, {"error": "Repository not found"}
            if found[3] in (None, "revision"):
                names = [{"rfilename": name} for name in repository.files]
                about = {"id": found[2], "sha": repository.sha, "private": repository.private, "siblings": names}
                return 200, about
            if found[2].partition("/")[0] not in self.owners:
                return 403, {"error": "Forbidden"}
            return self._modes(repository, body) if found[3] == "preupload" else self._commit(repository, body)
        return 404, {"error": "?"}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] not in self.owners:
            return 403, {"error": f"You don't have the rights to create a model under {asked['organization']}"}
        self.repositories[asked.get("type", "model"), name] = Repository(asked.get("visibility") == "private")
        return 200, {"url": f"{self.url}/{name}"}

    def _modes(self, repository: Repository, body: bytes) -> tuple[int, Any]:
        files: list[dict[str, Any]] = []
        for one in json.loads(body)["files"]:
            large = one["size"] > _SMALL
            there = repository.files.get(one["path"])
            oid = None if there is None else (hashlib.sha256(there).hexdigest() if large else _git(there))
            mode = "lfs" if large else "regular"
            files.append({"path": one["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        return 200, {"files": files}

    def _place(self, one: dict[str, Any]) -> dict[str, Any]:
        if one["oid"] in self.blobs:
            return one
        return {**one, "actions": {"upload": {"href": f"{self.url}/lfs/{one['oid']}"}}}

    def _upload(self, oid: str, body: bytes) -> tuple[int, Any]:
        self.on_upload()
        if hashlib.sha256(body).hexdigest() != oid:
            return 400, {"error": "not this file"}
        self.uploads.append(oid)
        self.blobs[oid] = body
        return 200, {}

    def _commit(self, repository: Repository, body: bytes) -> tuple[int, Any]:
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                repository.files[value["path"]] = self.blobs[value["oid"]]
        repository.commits += 1
        return 200, {"commitUrl": f"{self.url}/owner/x/commit/{repository.sha}", "commitOid": repository.sha}


def _git(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


@contextmanager
def upload_hub(token: str) -> Generator[Hub]:
    """A hub that accepts this token alone; what it refuses it says with the token in it, as a careless server may."""
    hub = Hub(token)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = self.headers.get("Content-Length")
            body = self.rfile.read(int(length)) if length else self.chunks()
            path = self.path.partition("?")[0]
            given = self.headers.get("Authorization", "")
            status, answer = 401, {"error": f"Invalid credentials in Authorization header: {given}"}
            is_locked = _LOCKED.match(path) is not None
            if is_locked:
                hub.tokens.append(given)
            if hub.refusal:
                status, answer = hub.refusal, {"error": f"no time for {given}"}
            elif not is_locked or given == f"Bearer {hub.token}":
                status, answer = hub.answer(self.command, path, body)
            self.reply(status, answer)

        do_GET = do_PUT = do_POST

        def chunks(self) -> bytes:
            """A body that came in chunks, or none."""
            found = b""
            while self.headers.get("Transfer-Encoding") == "chunked":
                size = int(self.rfile.readline(), 16)
                found += self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    break
            return found

        def reply(self, status: int, answer: Any) -> None:
            data = json.dumps(answer).encode()
            self.send_response(status)
            if status == 404:
                self.send_header("X-Error-Code", "RepoNotFound")
            if "error" in answer:
                self.send_header("X-Error-Message", answer["error"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with server:
        yield hub
        server.shutdown()
