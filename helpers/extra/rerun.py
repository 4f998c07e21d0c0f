"""study -> the same study, run on this machine at the press of a button."""

import ipywidgets
from IPython.display import display

from helpers.extra.study import run_study
from helpers.extra.tables import as_shown, summarise
from helpers.files import WorkbookError
from helpers.progress import agree
from helpers.widgets import Panel


class StudyPanel(Panel):
    """A menu of Studies, and a button that runs the chosen one here and shows its table.

    A study that was interrupted goes on where it was.
    """

    stand_in = "a menu: run this cell in JupyterLab to run a study again"

    def __init__(self, studies, material):
        self.material = material
        self.menu = ipywidgets.Dropdown(options={study.name: study for study in studies})
        self.menu.description = "Study"
        self.button = ipywidgets.Button(description="Run it here", icon="play")
        self.button.on_click(lambda _: self.run())
        self.output = ipywidgets.Output()
        super().__init__([ipywidgets.HBox([self.menu, self.button]), self.output])

    def run(self):
        """Run the chosen study, minutes of work, and show its table below the button."""
        self.button.disabled = True
        self.output.clear_output()
        agree()  # who presses the button has agreed to wait
        try:
            with self.output:
                study = self.menu.value
                display(
                    as_shown(summarise(run_study(study, self.material, anew=True), study.varied))
                )
        except (WorkbookError, KeyboardInterrupt) as error:
            self.output.append_stdout(f"{error or 'Stopped; press the button again to go on.'}\n")
        finally:
            self.button.disabled = False
