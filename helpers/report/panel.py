"""fields and a button -> report.pdf."""

import html

import ipywidgets
from ipywidgets import Layout

from helpers.files import ROOT, WorkbookError
from helpers.widgets import Panel, status_line


class ReportPanel(Panel):
    """Fields for the cover and a button that writes the PDF report beside the notebooks' folder."""

    stand_in = "a form: run this cell in JupyterLab to write the report"

    def __init__(self, output=ROOT / "report.pdf"):
        self.output = output
        text = lambda label: ipywidgets.Text(description=label, layout=Layout(width="420px"))
        labels = {"name": "Name", "email": "Email", "id": "Student id", "team": "Team"}
        self.fields = {name: text(label) for name, label in labels.items()}
        self.predictions = ipywidgets.Checkbox(
            description="with a page of my predictions", indent=False
        )
        self.button = ipywidgets.Button(
            description="Write report.pdf", button_style="primary", icon="file-pdf-o"
        )
        self.button.on_click(self._write)
        self.status = status_line()
        super().__init__([*self.fields.values(), self.predictions, self.button, self.status])

    def _write(self, _):
        from helpers.report.gather import Details, make_report  # here, as it takes two seconds

        self.button.disabled, self.status.value = True, "Writing ..."
        try:
            details = Details(**{name: field.value for name, field in self.fields.items()})
            missing, log = make_report(
                self.output, details, with_predictions=self.predictions.value
            )
            done = f"{self.output.name} is written, from what is saved in the notebooks."
            sentences = [done, *missing, *log]
            self.status.value = "<br>".join(map(html.escape, sentences))
        except WorkbookError as error:
            self.status.value = html.escape(str(error))
        finally:
            self.button.disabled = False
