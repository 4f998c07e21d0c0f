"""Predictions: a guess is committed before the figure that answers it is shown."""
