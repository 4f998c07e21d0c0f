"""Which stored figures have no alternative text."""

import nbformat

from helpers.report.pieces import alternative_text, pictures_in


def figures_in(path, tag=None):
    """Return [(cell, alternative text or "")] of the pictures among a notebook's outputs."""
    return [
        (cell, alternative_text(output, cell))
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code" and (tag is None or tag in cell.metadata.get("tags", []))
        for output in cell.outputs
        if pictures_in(output.get("data", {}))
    ]


def silent_cells(paths, tag=None):
    """Return the cells of notebooks that show a picture without an alternative text."""
    found = [cell.id for path in paths for cell, text in figures_in(path, tag) if not text]
    return list(dict.fromkeys(found))
