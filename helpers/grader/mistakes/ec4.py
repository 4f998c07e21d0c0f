"""Mistakes in EC4: the distillation loss and the agreement of two networks."""

from functools import partial

from helpers.grader.mistakes.mistake import Mistake

_loss = partial(Mistake, "distillation_loss")
_same = partial(Mistake, "agreement")
_LOGITS = "Two networks can be of the same opinion with other numbers. What is each one's answer?"

MISTAKES = [
    _loss(
        "temperature**2 * ",
        "",
        "has no factor T²",
        "How large is the gradient at T = 4, compared with T = 1?",
    ),
    _loss(
        "temperature**2 * ",
        "temperature * ",
        "multiplies by T, not by its square",
        "The gradient shrinks once for the student's division by T. How often in all?",
    ),
    _loss(
        "teacher_logits / temperature",
        "teacher_logits",
        "softens the student only",
        "At which temperature do both answer?",
    ),
    _loss(
        "student_logits / temperature",
        "student_logits",
        "softens the teacher only",
        "At which temperature do both answer?",
    ),
    _loss(
        ".sum(dim=1).mean()",
        ".mean()",
        "takes the mean over images and classes",
        "Over what does the formula sum, and over what do you then take the mean?",
    ),
    _loss(
        "(teacher - student)",
        "-student",
        "returns the cross-entropy with the teacher's answers",
        "What should the loss be for a student that answers exactly as its teacher does?",
    ),
    _loss(
        "teacher.exp() * (teacher - student)",
        "student.exp() * (student - teacher)",
        "takes the divergence the other way round",
        "Whose probabilities weight the sum: whose answers are to be met?",
    ),
    _loss(
        "teacher.exp() * ",
        "student.exp() * ",
        "weights by the student's probabilities",
        "Which of p and q stands before the bracket?",
    ),
    _loss(
        ".sum(dim=1).mean()",
        ".sum()",
        "sums over the images",
        "What happens to the loss if a batch becomes twice as large?",
    ),
    _loss(
        ".log_softmax(dim=1)",
        ".softmax(dim=1).log()",
        "takes the logarithm of a softmax",
        "A probability can be so small that it becomes 0. What is its logarithm?",
    ),
    _same(
        ".mean()",
        ".sum()",
        "returns how many answers agree",
        "A share lies between 0 and 1. Of how many images?",
    ),
    _same(
        "first_logits.argmax(dim=1) == second_logits.argmax(dim=1)",
        "(first_logits - second_logits).abs().amax(dim=1) < 0.01",
        "compares the logits, not the answers",
        _LOGITS,
    ),
    _same(
        "same.float()",
        "same",
        "takes the mean of truth values",
        "What has to become of True and False first?",
    ),
    _same(
        "argmax(dim=1)",
        "argmax(dim=0)",
        "asks for the best image of each class",
        "The logits are (N, C). Along which axis do the classes lie?",
    ),
    _same(
        "argmax(dim=1) == second",
        "argmax(dim=1) != second",
        "returns the share on which they differ",
        "What should a network get beside itself?",
    ),
    _same(
        "same.float().mean()",
        "100 * same.float().mean()",
        "returns per cent",
        "A share lies between 0 and 1.",
    ),
    _same(
        "same.float().mean()",
        "(same.float().sum() / first_logits.shape[1])",
        "divides by the number of classes",
        "A share of what is it: images, or classes?",
    ),
]
