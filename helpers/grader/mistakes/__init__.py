"""Mistakes that students make, and what is said to who makes one: a module for each notebook."""
