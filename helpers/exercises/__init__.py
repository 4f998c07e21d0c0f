"""Exercises: the notebooks' cells and tags, the checks, the points."""
