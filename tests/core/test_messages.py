"""Credentials are masked in whatever form they are written; a terminal is shown no command."""

import base64
import json
from urllib.parse import quote

import pytest

from mlpo_core.messages import presentable
from mlpo_core.progress import log

KEY = 'sk-a+b/c"d=\u00e9-7c41'


@pytest.mark.parametrize(
    "form",
    [
        KEY,
        quote(KEY),
        quote(KEY, safe="").lower(),
        json.dumps(KEY),
        *(base64.b64encode(b"x" * n + KEY.encode()).decode() for n in range(3)),
    ],
)
def test_a_secret_is_masked_raw_and_encoded(monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
    said = presentable(f"said {form}.")
    assert "***" in said and form[4:20] not in said


def test_a_short_value_spoils_no_message_and_urls_lose_their_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert presentable("ask s3://me:hunter2@host/k") == "ask s3://***@host/k"


def test_control_characters_are_written_out(capsys: pytest.CaptureFixture[str]) -> None:
    log("a\x1b[31mb\u202ec\n\td")
    assert capsys.readouterr().err == "a\\x1b[31mb\\u202ec\n\td\n"
