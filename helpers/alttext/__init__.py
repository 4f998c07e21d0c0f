"""A figure -> its alternative text, made from the data drawn in it."""
