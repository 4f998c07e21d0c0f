"""Panels that a browser draws from numbers: curves that grow, pictures to drag."""
