"""a mistake: where it is made in the workbook's own solution, and the sentences that name it."""

from dataclasses import dataclass

from helpers.files import WorkbookError

RESULT, KIND, PLACE = "result", "kind", "place"


@dataclass(frozen=True)
class Mistake:
    """One mistake in one exercise.

    `wrong` stands in the place of `right` in the workbook's solution; where `right` is "", it is a
    whole function. `by` is the part of `checks.evidence.Evidence` that it is recognised by: RESULT
    for one that always gives the same, KIND or PLACE where that alone says what is wrong.
    """

    exercise: str
    right: str
    wrong: str
    does: str  # "Your function behaves exactly like one that ..."
    ask: str  # a question or a hint that leads on, never the corrected line
    by: str = RESULT

    @property
    def sentence(self):
        """What a student is told."""
        kind = "class" if self.exercise[0].isupper() else "function"
        if self.by == RESULT:
            return f"Your {kind} behaves exactly like one that {self.does}. {self.ask}"
        return f"A {kind} that {self.does} fails like this. {self.ask}"

    def source(self, solution):
        """Return the function with the mistake, made from the source of a right one.

        Raises WorkbookError where the right one does not hold what is to be replaced.
        """
        if not self.right:
            return self.wrong
        if self.right not in solution:
            raise WorkbookError(
                f'The mistake "{self.does}" of {self.exercise} cannot be made: the solution does not hold '
                f"{self.right!r}. Write it anew in helpers/grader/mistakes."
            )
        return solution.replace(self.right, self.wrong)
