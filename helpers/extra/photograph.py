"""photograph -> answer: your own picture, as a network sees it."""

import html
import io

import ipywidgets
import numpy as np
import torch
from ipywidgets import Layout
from PIL import Image, ImageOps, UnidentifiedImageError

from helpers.extra import figures
from helpers.files import WorkbookError
from helpers.training import predict
from helpers.widgets import Panel, hidden_words, in_words, status_line, to_png


def read_photograph(file, size):
    """Return a photograph as a grey image (1, 1, size, size) uint8.

    `file` is a path or an open file, in any format that Pillow reads; it is turned as its EXIF
    says. Raises WorkbookError for a file that is no image.
    """
    try:
        with Image.open(file) as image:
            grey = ImageOps.exif_transpose(image).convert("RGB").convert("L")
            pixels = np.asarray(grey.resize((size, size), Image.Resampling.BILINEAR))
    except (
        UnidentifiedImageError,
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:
        raise WorkbookError(
            "This file cannot be read as an image. Choose a JPEG, PNG, WebP or another photograph."
        ) from error
    return torch.from_numpy(pixels.copy())[None, None]


class PhotographPanel(Panel):
    """A button to choose a photograph, and the network's answer for it."""

    stand_in = "a button: run this cell in JupyterLab to choose a photograph"

    def __init__(self, model, class_names):
        self.model, self.class_names = model, class_names
        self.upload = ipywidgets.FileUpload(
            accept="image/*", multiple=False, description="Choose a photograph"
        )
        self.upload.layout.width = "220px"
        self.status = status_line()
        self.picture = ipywidgets.Image(
            format="png", layout=Layout(max_width="100%", width="620px", display="none")
        )
        self.upload.observe(self._answer, names="value")
        self.words = hidden_words()
        super().__init__([self.upload, self.status, self.picture, self.words])

    def _answer(self, _):
        for file in self.upload.value[-1:]:
            try:
                image = read_photograph(io.BytesIO(file["content"]), self.model.input_px)
            except WorkbookError as error:
                self.status.value, self.picture.layout.display = (
                    html.escape(f"{file['name']}: {error}"),
                    "none",
                )
                return
            probabilities = predict(self.model, image).softmax(dim=1)[0]
            axes = figures.show_answer(image[0], probabilities, self.class_names)
            self.words.value = in_words(axes)
            self.picture.value = to_png(axes)
            self.picture.layout.display = ""
            best = self.class_names[probabilities.argmax()]
            self.status.value = f"{html.escape(file['name'])}: {best}, {probabilities.max():.2f}"
