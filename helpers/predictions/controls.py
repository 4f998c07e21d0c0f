"""question -> widgets: a field, sliders or buttons, how sure one is, *Show me* and *Skip*."""

import html

import ipywidgets
from ipywidgets import Layout

from helpers.files import WorkbookError
from helpers.predictions.questions import CONFIDENCES, number
from helpers.widgets import Panel, status_line

WIDE = Layout(width="max-content")


class Control(Panel):
    """The widgets of a question.

    They call `on_commit(question, guess, confidence)` or `on_skip(id)`.
    """

    def __init__(self, question, on_commit, on_skip):
        self.question, self.on_commit = question, on_commit
        self.input, self.read = INPUTS[question.kind](question)
        self.sure = ipywidgets.ToggleButtons(
            options=CONFIDENCES, value=None, style={"button_width": "72px"}
        )
        self.show = ipywidgets.Button(description="Show me", button_style="primary")
        self.skip = ipywidgets.Button(description="Skip")
        self.show.on_click(lambda _: self.commit())
        self.skip.on_click(lambda _: on_skip(question.id))
        self.status = status_line()
        sure = ipywidgets.HBox([ipywidgets.Label("How sure are you?"), self.sure])
        buttons = ipywidgets.HBox([self.show, self.skip, self.status])
        super().__init__([self.input, sure, buttons])
        self.add_class("prediction")

    def __repr__(self):
        return "(run this cell in JupyterLab to commit a prediction)"

    def commit(self):
        """Commit what stands in the widgets, or say what is missing."""
        try:
            guess = self.read()
            if self.sure.value is None:
                raise WorkbookError("Say how sure you are.")
        except WorkbookError as error:
            self.status.value = html.escape(str(error))
        else:
            self.on_commit(self.question, guess, self.sure.value)

    def settle(self, text):
        """Put a sentence (HTML) in place of the widgets: there is nothing to change any more."""
        self.children = [ipywidgets.HTML(text)]


# --- question -> (widget, function that reads the guess) ------------------------------------------


def number_input(question):
    """Return a field for a number, and its reader, which raises WorkbookError for another text."""
    span = f"{number(question.low)} to {number(question.high)}"
    # names.js makes the tooltip its name, too.
    field = ipywidgets.Text(placeholder=span, tooltip=question.text, layout=Layout(width="140px"))

    def read():
        try:
            value = float(field.value.replace(",", "").strip())
        except ValueError:
            value = float("nan")
        if not question.low <= value <= question.high:
            raise WorkbookError(f"Type a number from {span}.")
        return value

    return ipywidgets.HBox([field, ipywidgets.Label(question.unit)]), read


def slider_input(question):
    """Return a slider for each option, and their reader; those of a curve stand side by side."""
    is_curve = question.kind == "curve"
    span = question.high - question.low
    sliders = [
        ipywidgets.FloatSlider(
            (question.low + question.high) / 2,
            min=question.low,
            max=question.high,
            step=span / 100,
            description=option,
            orientation="vertical" if is_curve else "horizontal",
            readout_format=".2f" if span <= 10 else ".0f",
            style={"description_width": "initial" if is_curve else "140px"},
            layout=Layout(height="190px", width="80px")
            if is_curve
            else Layout(width="460px", max_width="100%"),
        )
        for option in question.options
    ]
    box = (ipywidgets.HBox if is_curve else ipywidgets.VBox)(sliders)
    return box, lambda: [slider.value for slider in sliders]


def order_input(question):
    """Return the options below each other, each with buttons to move it, and their reader."""
    order, box = list(question.options), ipywidgets.VBox()

    def move(index, step):
        order[index : index + 2 * step : step] = order[index + step], order[index]
        draw()

    def button(arrow, index, step):
        words = f"Move {order[index]} {'up' if step < 0 else 'down'}"
        made = ipywidgets.Button(
            description=arrow,
            tooltip=words,
            layout=Layout(width="36px"),
            disabled=not 0 <= index + step < len(order),
        )
        made.on_click(lambda _: move(index, step))
        return made

    def draw():
        box.children = [
            ipywidgets.HBox(
                [
                    button("▲", index, -1),
                    button("▼", index, 1),
                    ipywidgets.Label(f"{index + 1}. {option}"),
                ]
            )
            for index, option in enumerate(order)
        ]

    draw()
    return box, lambda: list(order)


def pick_input(question):
    """Return buttons for one option, or lists or boxes for several, and their reader."""
    if question.count == 1 and len(question.options) < 10:
        radio = ipywidgets.RadioButtons(options=question.options, value=None, layout=WIDE)
        return radio, lambda: _picked([radio.value])
    if question.count:
        lists = [
            ipywidgets.Dropdown(
                options=question.options,
                value=None,
                tooltip=question.text,
                layout=Layout(width="190px"),
            )
            for _ in range(question.count)
        ]
        return ipywidgets.HBox(lists), lambda: _picked([one.value for one in lists])
    boxes = [
        ipywidgets.Checkbox(description=option, indent=False, layout=WIDE)
        for option in question.options
    ]
    return ipywidgets.VBox(boxes), lambda: [box.description for box in boxes if box.value]


def _picked(chosen):
    """Return what was chosen; raises WorkbookError where one is missing or there twice."""
    if None in chosen or len(set(chosen)) < len(chosen):
        raise WorkbookError("Choose one." if len(chosen) == 1 else "Choose different ones.")
    return chosen


INPUTS = {
    "number": number_input,
    "bars": slider_input,
    "curve": slider_input,
    "order": order_input,
    "picks": pick_input,
}
