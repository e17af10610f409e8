"""What leaves the process as text: without credentials, and without control characters that a terminal would obey."""

import base64
import json
import os
import re
from urllib.parse import quote, quote_plus

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|WEBHOOK", re.IGNORECASE)
_SHORTEST = 9
"""A shorter value is masked nowhere: it would spoil messages that have nothing to do with it."""
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Newline and tab stay; what turns the direction of text goes, as it hides what is written."""


def presentable(text: str) -> str:
    """A message as it may be shown: credentials masked, control characters written out."""
    return _CONTROL.sub(lambda found: ascii(found.group())[1:-1], masked(text))


def masked(text: str) -> str:
    """The text without user names and passwords of URLs, and without what the environment's secrets hold."""
    text = _IN_URL.sub(r"\1***@", text)
    values = {os.environ[name].strip() for name in os.environ if _SECRET.search(name)}
    forms = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
    if not forms:
        return text
    longest_first = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    return re.sub(longest_first, "***", text, flags=re.IGNORECASE)


def _forms(value: str) -> set[str]:
    """A secret as it is, and as URLs, JSON, Python and base64 write it."""
    data = value.encode("utf-8", "surrogateescape")
    found = {value, quote(data, safe=""), quote(data), quote_plus(data), repr(value)[1:-1]}
    found |= {json.dumps(value, ensure_ascii=only)[1:-1] for only in (True, False)}
    for before in range(3):
        # what stands before a secret shifts its base64; the characters that it shares with its neighbours are left out
        shifted = bytes(before) + data
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            coded = encode(shifted).decode().rstrip("=")
            found.add(coded[(0, 2, 3)[before] : len(shifted) // 3 * 4])
    return {form for form in found if len(form) >= _SHORTEST}
