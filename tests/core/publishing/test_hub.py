"""What is sent to a hub arrives whole, where the experiment's file says, and says nothing of the token."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from mlpo_core.errors import BadInput, Transient
from mlpo_core.publishing.hub import Parcel, send, token
from tests.hub_server import Hub, Repository, upload_hub
from tests.support import REPOSITORY, free_port

TOKEN = "hf_thetokenofthistest"
NAME = "owner/leader"
FILES = {
    "README.md": b"---\nlicense: unknown\n---\n\n# A\n",
    "model.safetensors": bytes(range(256)) * 40,
    "sub/a": b"a",
}
_SEND = """
import sys
from pathlib import Path
from mlpo_core.publishing.hub import Parcel, send
folder = Path(sys.argv[1])
files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
parcel = Parcel("owner/leader", "model", True, {n: p.stat().st_size for n, p in files.items()}, lambda: files)
send(parcel, sys.argv[2], "killed")
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with upload_hub(TOKEN) as there:
        monkeypatch.setattr(constants, "ENDPOINT", there.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield there


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path


def parcel(folder: Path, name: str = NAME, private: bool = True) -> Parcel:
    sizes = {n: len(d) for n, d in FILES.items()}
    return Parcel(name, "model", private, sizes, lambda: {n: folder / n for n in FILES})


def arrived(hub: Hub) -> dict[str, bytes]:
    return {n: d for n, d in hub.repositories["model", NAME].files.items() if n != ".gitattributes"}


def test_a_folder_arrives_byte_for_byte_in_a_private_repository(hub: Hub, folder: Path) -> None:
    said = send(parcel(folder), TOKEN, "a message")
    repository = hub.repositories["model", NAME]
    assert arrived(hub) == FILES and repository.private and repository.commits == 1
    assert set(hub.tokens) == {f"Bearer {TOKEN}"} and len(hub.uploads) == 1
    assert said.startswith(f"{hub.url}/{NAME}: sent as the first commit {repository.sha}") and TOKEN not in said


def test_what_is_there_already_makes_no_commit_and_what_differs_a_new_one(hub: Hub, folder: Path) -> None:
    send(parcel(folder), TOKEN, "first")
    assert "no new commit" in send(parcel(folder), TOKEN, "again")
    repository = hub.repositories["model", NAME]
    repository.files |= {"sub/a": b"b", "notes.txt": b"somebody's"}
    said = send(parcel(folder), TOKEN, "third")
    assert "a new commit" in said and "stays in its history" in said and said.endswith("left there: notes.txt")
    assert repository.commits == 2 and arrived(hub) == {**FILES, "notes.txt": b"somebody's"}
    assert len(hub.uploads) == 1, "a large file is sent once"


def test_nothing_private_goes_into_a_public_repository(hub: Hub, folder: Path) -> None:
    hub.repositories["model", NAME] = Repository(private=False)
    with pytest.raises(BadInput, match=r"is public, and push_to_hub\.private is true: nothing was sent"):
        send(parcel(folder), TOKEN, "no")
    assert arrived(hub) == {} and not hub.uploads
    send(parcel(folder, private=False), TOKEN, "yes")
    assert arrived(hub) == FILES


def test_refusals_are_told_in_words_and_without_the_token(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="has no owner nobody, or the token may not write there") as stranger:
        send(parcel(folder, "nobody/leader"), TOKEN, "no")
    with pytest.raises(BadInput, match="does not accept the token: log in again") as wrong:
        send(parcel(folder), "hf_anothertoken", "no")
    hub.refusal = 507
    with pytest.raises(Transient, match="answers 507") as busy:
        send(parcel(folder), TOKEN, "no")
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Transient, match="cannot be reached") as away:
        send(parcel(folder), TOKEN, "no")
    for found in (stranger, wrong, busy, away):
        assert TOKEN not in str(found.value) and "hf_anothertoken" not in str(found.value)
    assert not hub.repositories


def test_without_a_token_or_offline_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(BadInput, match=r"no token .*hf auth login"):
        token()
    (tmp_path / "token").write_text(TOKEN)
    assert token() == TOKEN
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match="HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE is set"):
        token()


def test_an_upload_that_was_killed_is_repeated_and_leaves_nothing_half_there(hub: Hub, folder: Path) -> None:
    sender: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        while not sender:
            time.sleep(0.01)
        os.kill(sender[0].pid, signal.SIGKILL)
        sender[0].wait()

    hub.on_upload = kill
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-c", _SEND, str(folder), TOKEN]
    sender.append(subprocess.Popen(command, cwd=REPOSITORY, env={**environment, "TRANSFORMERS_OFFLINE": "0"}))
    assert sender[0].wait() == -signal.SIGKILL
    assert arrived(hub) == {} and hub.repositories["model", NAME].commits == 0
    hub.on_upload = lambda: None
    assert "a new commit" in send(parcel(folder), TOKEN, "repeated")
    assert arrived(hub) == FILES
