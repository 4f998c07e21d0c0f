"""lines of hidden inputs -> which criteria of an exercise hold: a right idea with one slip counts.

A notebook's exercise says its criteria, and the points of each, in the cell's metadata:
"criteria": [["ordinary inputs", 2], ["edge cases", 2], ["shape and type", 1]]. Three rules hold:

- without the first one nothing counts;
- each but the last asks for right numbers on its kinds of hidden input, whatever their shape;
- the last one asks for all that is left, the visible check included, and counts with all others.

An exercise without criteria gets all of its points or none.
"""

from dataclasses import dataclass

from helpers.files import WorkbookError

RIGHT, WRONG = "right", "wrong"

# {exercise: {criterion: kinds of hidden input}}; all other kinds belong to the first criterion.
KINDS = {
    "running_mean_and_std": {"edge cases": ("values far from 0",)},
    "output_size": {
        "padding": ("padding", "stride and padding"),
        "defaults and type": ("stride and padding left out", "padding left out"),
    },
    "log_sum_exp": {
        "edge cases": (
            "large logits",
            "very negative logits",
            "rows far apart",
            "logits far apart in a row",
        )
    },
    "cross_entropy": {
        "the sum": ("the sum",),
        "large logits": ("large logits",),
        "default and shape": ("the reduction left out",),
    },
    "softmax_gradient": {"edge cases": ("large logits",)},
    "sgd_step": {
        "momentum": ("momentum",),
        "weight decay": ("weight decay",),
        "both, and unchanged inputs": (
            "momentum and weight decay",
            "momentum and weight decay left out",
        ),
    },
    "accumulated_step": {"several chunks": ("chunks of unequal size", "many chunks")},
    "accuracy": {"unequal batches": ("a smaller last batch",)},
    "train_one_epoch": {"several batches": ("batches of unequal size", "many batches")},
    "ImageFiles": {"pictures in colour": ("pictures in colour",)},
    "get_data_augmentation_transforms": {"images in colour": ("images in colour",)},
    "SmallNetDropout": {"any number of classes": ("another number",)},
    "prepare_for_fine_tuning": {"any number of classes": ("another number of classes",)},
    "batch_norm": {
        "evaluation": ("evaluation",),
        "edge cases": ("values that hardly differ",),
        "defaults and unchanged inputs": ("momentum and eps left out",),
    },
    "affine_parameters": {"edge cases": ("a range above 0", "a range below 0")},
    "quantise": {"edge cases": ("values beyond the range",)},
    "confusion_matrix": {"edge cases": ("classes that do not occur",)},
    "fit_temperature": {"not sure enough": ("not sure enough",)},
    "distillation_loss": {
        "a higher temperature": ("a higher temperature",),
        "edge cases": ("sure answers",),
    },
}


@dataclass(frozen=True)
class Criterion:
    """What one criterion of an exercise got, and in words why."""

    name: str
    points: float
    possible: float
    verdict: str


def criteria_of(exercise, kinds, lines, is_right):
    """Return the Criteria of an Exercise, () for one that has none.

    `kinds` are those of its hidden cells, `lines` what came of them; `is_right` says whether all
    of its checks hold, the visible one included.
    """
    if not exercise.criteria:
        return ()
    (first, _), *_, (last, _) = exercise.criteria
    done = [line["kind"] for line in lines if line["part"] == "hidden" and line.get("numbers")]
    holds = {name: has_all(exercise, name, kinds, done) for name, _ in exercise.criteria[:-1]}
    holds[last] = is_right
    found = []
    for name, points in exercise.criteria:
        verdict = RIGHT if holds[name] else WRONG
        if name == last and not all(holds[other] for other, _ in exercise.criteria[:-1]):
            verdict = "counts only with all others"
        elif name != first and not holds[first]:
            verdict = f"counts only with: {first}"
        found.append(Criterion(name, points if verdict == RIGHT else 0, points, verdict))
    return tuple(found)


def has_all(exercise, name, kinds, done):
    """Return whether the numbers are right on every hidden input of a criterion."""
    mine = [kind for kind in kinds if criterion_of(exercise, kind) == name]
    return 0 < len(mine) == sum(criterion_of(exercise, kind) == name for kind in done)


def criterion_of(exercise, kind):
    """Return the name of the criterion to which a kind of hidden input belongs."""
    names = KINDS.get(exercise.name, {})
    listed = (name for name, kinds in names.items() if kind in kinds)
    return next(listed, exercise.criteria[0][0])


def refuse_odd_criteria(exercise, kinds):
    """Raise WorkbookError for criteria that do not fit an Exercise's points or hidden inputs."""
    if not exercise.criteria:
        return
    names = [name for name, _ in exercise.criteria]
    said = f"{exercise.name} in {exercise.notebook}: "
    if sum(points for _, points in exercise.criteria) != exercise.points:
        raise WorkbookError(f"{said}its criteria do not add up to its {exercise.points} points.")
    owners = {criterion_of(exercise, kind) for kind in kinds}
    if unknown := owners - set(names):
        raise WorkbookError(
            f"{said}there is no criterion {sorted(unknown)[0]!r}, and it has inputs."
        )
    if idle := set(names[:-1]) - owners:
        raise WorkbookError(f"{said}no hidden input belongs to {sorted(idle)[0]!r}.")
