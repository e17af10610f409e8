"""A logger for a person at a terminal: which asset, since when, what it says; Dagster's own events left out."""

import logging
import sys
import time

import dagster as dg


def _make(_: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("progress", logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Short())
    handler.addFilter(_worth_reading)
    logger.addHandler(handler)
    return logger


progress_logger = dg.LoggerDefinition(_make, description="Short progress lines on stderr")


def _worth_reading(record: logging.LogRecord) -> bool:
    meta = getattr(record, "dagster_meta", {})
    message = meta.get("orig_message", "")
    return meta.get("dagster_event") is None and not message.startswith("[pipes]")


class _Short(logging.Formatter):
    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()

    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {})
        step = meta.get("step_key") or ""
        message = str(meta.get("orig_message", record.getMessage())).removeprefix(f"{step}: ")
        return f"{time.monotonic() - self._started:7.1f} s  {step:22}  {message}"
