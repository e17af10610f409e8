"""The claims table: what an experiment claims over the points of its sweep, tested in pairs on the same tasks."""
