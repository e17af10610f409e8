"""Answers that a model judges by a rubric: asked through the engine that an experiment names, held against people."""

from mlpo_core.judging.opening import grader_of, judge_of

__all__ = ["grader_of", "judge_of"]
