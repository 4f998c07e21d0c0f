"""outputs of a cell -> places that are filled later, in the notebook itself."""

import ipywidgets
from IPython.display import display

from helpers.predictions.pictures import METADATA
from helpers.widgets import Panel


class Held:
    """Outputs that wait. Each has its place in the cell, so that they are saved with it."""

    def __init__(self, captured, truths, comparison, skip):
        self.outputs = outputs_of(captured)
        self.truths, self.comparison = truths, comparison  # {id: truth}; (id, truth) -> MIME bundle
        button = ipywidgets.Button(description="Skip, and show")
        button.on_click(lambda _: [skip(id) for id in truths])
        text = ipywidgets.HTML("<i>Commit your prediction above, or skip it.</i>")
        self.notice = Waiting([ipywidgets.HBox([text, button])])
        self.places = [display(self.notice, display_id=True)]
        for _ in range(len(self.outputs) + len(truths) - 1):
            self.places.append(display({"text/plain": ""}, raw=True, display_id=True))

    def show(self):
        """Fill the places; a guess that has no truth leaves its own empty."""
        beside = [self.comparison(id, truth) for id, truth in self.truths.items()]
        shown = self.outputs + [(data, METADATA) for data in beside if data]
        shown += [({"text/plain": ""}, {})] * (len(self.places) - len(shown))
        for place, (data, metadata) in zip(self.places, shown):
            place.update(data, raw=True, metadata=metadata)
        self.notice.close_all()


class Waiting(Panel):
    """The sentence and the button in place of an answer."""

    def __repr__(self):
        return "(Commit your prediction above, or skip it.)"

    def close_all(self):
        """Close the widgets, so that no state of them is saved."""
        for row in self.children:
            for widget in row.children:
                widget.close()
            row.close()
        self.close()


def outputs_of(captured):
    """Return [(data, metadata)] of what IPython's `capture_output` caught; text comes first."""
    texts = [text for text in (captured.stdout, captured.stderr) if text]
    outputs = [({"text/plain": text.rstrip("\n")}, {}) for text in texts]
    return outputs + [(rich.data, rich.metadata or {}) for rich in captured.outputs]
