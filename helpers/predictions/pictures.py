"""guess and truth -> a sentence, and a figure with one drawn over the other."""

import base64

from helpers import plots
from helpers.predictions.store import question_of
from helpers.widgets import to_png

METADATA = {"prediction": True}  # the report leaves such outputs out
GUESS, TRUTH = plots.ACCENT_COLOR, plots.TRAIN_COLOR


def bundle(record):
    """Return the MIME bundle of a settled record: a picture where its kind has one, and text."""
    text = sentence(record)
    data = {"text/markdown": text, "text/plain": text.replace("**", "")}
    if draw := DRAWINGS.get(record["question"]["kind"]):
        ax = draw(question_of(record), record["guess"], record["truth"])
        ax.set_title(f"{how_near(record)} (confidence: {record['confidence']})", fontsize=9)
        png = to_png(ax, dpi=110)
        data = {"image/png": base64.b64encode(png).decode(), "text/plain": data["text/plain"]}
    return data


def sentence(record):
    """Return "Your guess: 0.4. It is 0.57." and whether that is near, as Markdown."""
    guess = f"**Your guess:** {record['guess_text']} (confidence: {record['confidence']})"
    return f"{guess}. It is **{record['truth_text']}**: {how_near(record)}."


def how_near(record):
    """Return "right", "near" or "a surprise"."""
    return "right" if record["distance"] == 0 else "near" if record["near"] else "a surprise"


def draw_bars(question, guess, truth):
    """Draw the truth as bars and the guesses as marks across them; return the Axes."""
    ax = plots.new_axes(6, 0.45 * len(truth) + 1.1)
    places = range(len(truth))
    ax.barh(places, truth, color=TRUTH, height=0.5, label="truth")
    ax.plot(guess, places, "|", color=GUESS, markersize=26, markeredgewidth=4, label="your guess")
    ax.set_yticks(places, question.options)
    ax.invert_yaxis()
    ax.set(xlim=(question.low, question.high), xlabel=question.unit)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def draw_curve(question, guess, truth):
    """Draw both curves over each other; return the Axes."""
    ax = plots.new_axes(6, 2.8)
    ax.plot(question.options, truth, "o-", color=TRUTH, label="truth")
    ax.plot(question.options, guess, "o--", color=GUESS, label="your guess")
    ax.set(ylim=(question.low, question.high))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def draw_order(question, guess, truth):
    """Draw the two orders side by side, with a line for each option; return the Axes."""
    ax = plots.bare(plots.new_axes(6, 0.35 * len(truth) + 0.8))
    for option in question.options:
        left, right = guess.index(option), truth.index(option)
        ax.plot([0, 1], [left, right], "o-", color=TRUTH if left == right else GUESS)
        ax.text(-0.05, left, option, ha="right", va="center")
        ax.text(1.05, right, option, ha="left", va="center")
    ax.set(xlim=(-1, 2), ylim=(len(truth) - 0.5, -1))
    for place, title in ((-0.05, "your order"), (1.05, "the true order")):
        ax.text(place, -0.8, title, ha="right" if place < 0 else "left", weight="bold", va="center")
    return ax


DRAWINGS = {"bars": draw_bars, "curve": draw_curve, "order": draw_order}
