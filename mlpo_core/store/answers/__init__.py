"""Answers that were paid for: kept under the content of their request as they arrive, and never asked for again."""

from mlpo_core.store.answers.answers import Answers, folder_of
from mlpo_core.store.answers.lines import Stored

__all__ = ["Answers", "Stored", "folder_of"]
