"""Answers that people keep in other forms, brought into the recorded format (docs/recorded.md)."""
