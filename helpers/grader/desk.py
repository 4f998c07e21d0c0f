"""graded/ and keys -> marks in its files: the reading desk, without a browser.

All that the desk knows is here: which answers are beside each other, whose turn it is, what a key
does. `desk_panel` shows `Desk.view()` and passes keys on, in the order in which they were pressed.
"""

from collections import Counter

from helpers.files import WorkbookError
from helpers.grader.answer_files import (
    AnswerChangedError,
    alike_in_order,
    find_questions,
    load_rubric,
    marked,
    read_answers,
    save_rubric,
    write_mark,
)
from helpers.grader.rubrics import parts_of, plain, tick, ticked

DIGITS = tuple("0123456789")
LETTERS = "asdfghjkl"  # tick the lines of a rubric: the middle row of a keyboard
NUM_COMMENTS = 40  # used before that are offered


class Desk:
    """Reads the answers in `graded`, `beside` of them at a time; every mark is on disk at once."""

    def __init__(self, graded, beside=3):
        self.paths, self.beside = find_questions(graded), beside
        self.done, self.names_shown, self.said = [], False, ""
        self.counts = {
            question: count(read_answers(path).values()) for question, path in self.paths.items()
        }
        unread = [q for q, (num_read, given) in self.counts.items() if num_read < given]
        self.open((unread or list(self.paths))[0])

    # --- where the reader is ---

    @property
    def path(self):
        """The table of the question that is open."""
        return self.paths[self.question]

    @property
    def current(self):
        """The Answer whose turn it is, None where nobody answered."""
        return self.answers[self.names[self.place]] if self.names else None

    def open(self, question):
        """Open a question at its first answer that is not read."""
        self.question, self.rubric = question, load_rubric(self.paths[question])
        self.answers = read_answers(self.path)
        self.names = [answer.name for answer in alike_in_order(self.answers.values())]
        self.place, self.typed = 0, ""
        self._count()
        if self.current and self.current.is_read:
            self._next_unread()

    def _count(self):
        self.counts[self.question] = count(self.answers.values())

    def _step(self, by):
        self.place = min(max(self.place + by, 0), max(len(self.names) - 1, 0))

    def _next_unread(self):
        order = [*range(self.place + 1, len(self.names)), *range(self.place + 1)]
        unread = [i for i in order if not self.answers[self.names[i]].is_read]
        if unread:
            self.place = unread[0]
        elif self.names:
            self.said = f"All {len(self.names)} answers to this question are read."

    def _turn(self, by):
        questions = list(self.paths)
        self.open(questions[(questions.index(self.question) + by) % len(questions)])

    # --- what the reader does ---

    def do(self, what, *given):
        """Do one thing: "press" a key, "comment", "open" a question, or write its "rubric".

        An error becomes the sentence that the desk shows.
        """
        self.said = ""
        if what != "press" or given[0] not in DIGITS:
            self.typed = ""
        actions = {"press": self._press, "open": self.open}
        actions |= {"comment": self._comment, "rubric": self._write_rubric}
        try:
            actions[what](*given)
        except (WorkbookError, OSError) as error:
            self.said = f"Not saved. {error}"

    def _press(self, key):
        moves = {
            "Enter": self._next_unread,
            "ArrowRight": lambda: self._step(1),
            "ArrowLeft": lambda: self._step(-1),
            "Home": lambda: self._step(-len(self.names)),
            "End": lambda: self._step(len(self.names)),
            "PageDown": lambda: self._turn(1),
            "PageUp": lambda: self._turn(-1),
            "n": self._show_or_hide_names,
            "u": self._undo,
        }
        if key in moves:
            moves[key]()
        elif not self.current:
            return
        elif key in DIGITS:
            self._digit(key)
        elif key in (".", ","):
            self._half()
        elif key in ("Backspace", "Delete"):
            self._mark("", self.current.comment)
        elif key in tuple(LETTERS[: len(self.rubric.lines)]):
            self._mark(*tick(self.rubric, LETTERS.index(key), self.current.comment))

    def _show_or_hide_names(self):
        self.names_shown = not self.names_shown

    def _digit(self, key):
        number = next((n for n in (self.typed + key, key) if float(n) <= self.rubric.most), None)
        self.typed = number or ""
        if number is None:
            self.said = f"An answer gets {plain(self.rubric.most)} points at most."
        else:
            self._mark(plain(int(number)), self.current.comment)

    def _half(self):
        points = float(self.current.points or 0)
        points += -0.5 if points % 1 else 0.5
        if points <= self.rubric.most:
            self._mark(plain(points), self.current.comment)

    def _comment(self, text, instead_of=None):
        """Give the current answer a comment.

        `instead_of` is the one that the reader saw; if it is another by now, both are kept.
        """
        if self.current:
            now = self.current.comment
            is_as_seen = instead_of in (None, now)
            text = text if is_as_seen else "; ".join([*parts_of(now), text])
            self._mark(self.current.points, text)

    def _mark(self, points, comment):
        before, after = self.current, marked(self.current, points, comment)
        if before != after and self._write(after):
            self.done.append((self.question, before, after))

    def _write(self, answer):
        """Write an Answer and stay at it; return whether it is on disk."""
        try:
            self.answers = write_mark(self.path, answer)
        except AnswerChangedError as error:
            self.open(self.question)
            self.said = str(error)
            return False
        if set(self.answers) != set(self.names):
            self.names = [one.name for one in alike_in_order(self.answers.values())]
        self.place = self.names.index(answer.name)
        self._count()
        return True

    def _undo(self):
        if not self.done:
            self.said = "There is nothing to undo."
            return
        question, before, after = self.done.pop()
        if question != self.question:
            self.open(question)
        if self.answers.get(after.name) != after:
            self.said = "This answer got other marks since then, so nothing was undone."
        elif self._write(before):
            self.said = "Undone."

    def _write_rubric(self, text):
        self.rubric = save_rubric(self.path, text)

    # --- what the reader sees ---

    def view(self):
        """Return all that the panel shows; no name is in it while names are hidden."""
        first = self.place - self.place % self.beside
        shown = self.names[first : first + self.beside]
        num_read, given = self.counts[self.question]
        rubric = [
            {"key": key, "points": f"{points:+g}", "words": words}
            for key, (points, words) in zip(LETTERS, self.rubric.lines)
        ]
        return {
            "questions": [[q, *self.counts[q]] for q in self.paths],
            "question": self.question,
            "read": num_read,
            "given": given,
            "answers": [self._card(first + i, name) for i, name in enumerate(shown)],
            "rubric": rubric,
            "rubric_text": self.rubric.text,
            "most": self.rubric.most,
            "comments": self.comments(),
            "names_shown": self.names_shown,
            "said": self.said,
        }

    def _card(self, place, name):
        answer = self.answers[name]
        return {
            "label": name if self.names_shown else f"Answer {place + 1}",
            "text": answer.text,
            "remark": answer.remark,
            "points": answer.points,
            "comment": answer.comment,
            "ticked": ticked(self.rubric, answer.comment),
            "is_current": place == self.place,
        }

    def comments(self):
        """Return what was typed in comments on this question before, most used first."""
        own = {words for _, words in self.rubric.lines}
        parts = [part for answer in self.answers.values() for part in parts_of(answer.comment)]
        used = Counter(part for part in parts if part not in own)
        return [part for part, _ in used.most_common(NUM_COMMENTS)]


def count(answers):
    """Return (how many of some Answers are read, how many there are)."""
    answers = list(answers)
    return sum(answer.is_read for answer in answers), len(answers)
