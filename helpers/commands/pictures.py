"""executed notebook -> the same with small pictures, which every viewer shows."""

import base64
import io

from PIL import Image

from helpers.alttext.display import find_img, replace_png

NUM_COLORS = 64  # of a palette; more cannot be told apart in these figures


def shrink_pictures(notebook):
    """Write every PNG in a notebook's outputs with a palette, less than half the bytes; in place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if content := data.get("image/png"):
                data["image/png"] = with_palette(content)
            if found := find_img(data.get("text/html", "")):
                data["text/html"] = replace_png(data["text/html"], with_palette(found[1]))


def with_palette(content):
    """Return a PNG, in base64, with a palette; a smaller one stays as it is."""
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        small = image.convert("RGB").quantize(NUM_COLORS, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        small.save(buffer, "PNG", optimize=True, dpi=image.info.get("dpi", (96, 96)))
    return min(content, base64.b64encode(buffer.getvalue()).decode() + "\n", key=len)
