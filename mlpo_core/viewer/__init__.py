"""Local pages to read what happened: tasks by outcome, whole conversations by round, two leaders side by side.

Reads versions and changes nothing.
"""
