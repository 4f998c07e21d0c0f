"""Mistakes in Part 3: log-sum-exp, the cross-entropy, and gradients by hand."""

from functools import partial

from helpers.grader.mistakes.mistake import KIND, Mistake

_lse = partial(Mistake, "log_sum_exp")
_loss = partial(Mistake, "cross_entropy")
_softmax = partial(Mistake, "softmax_gradient")
_numerical = partial(Mistake, "numerical_gradient")
_back = partial(Mistake, "backward")

MISTAKES = [
    _lse(
        "",
        "def log_sum_exp(logits):\n    return logits.exp().sum(dim=1).log()",
        "takes exp of the logits as they are",
        "What is the largest exponent that a float32 can take? What could be subtracted first?",
        by=KIND,
    ),
    _lse(
        "logits.amax(dim=1, keepdim=True)",
        "logits.max().expand(len(logits), 1)",
        "subtracts the largest logit of the whole batch",
        "What is left of a row whose own logits lie 20,000 below that?",
    ),
    _lse(
        "logits.amax(dim=1, keepdim=True)",
        "logits.mean(dim=1, keepdim=True)",
        "subtracts something else than each row's largest logit",
        "Which exponents are then still above 0, and by how much?",
    ),
    _lse(
        ".sum(dim=1)",
        ".mean(dim=1)",
        "takes a mean where the formula has a sum",
        "By what do the two differ after the logarithm?",
    ),
    _lse(
        "largest[:, 0] + ",
        "",
        "subtracts the largest logit and does not add it again",
        "Look at the formula: where does m stand twice?",
    ),
    _lse(
        ".sum(dim=1).log()",
        ".sum(dim=1)",
        "leaves out the logarithm",
        "The name has three words. Which of them is missing?",
    ),
    _lse(
        "",
        """def log_sum_exp(logits):
    largest = logits.amax(dim=0, keepdim=True)
    return largest[0] + (logits - largest).exp().sum(dim=0).log()""",
        "works down the columns",
        "How many numbers should come out for 7 rows? Which axis has to disappear?",
    ),
    _lse(
        "return largest[:, 0] + (logits - largest).exp().sum(dim=1).log()",
        "return largest + (logits - largest).exp().sum(dim=1, keepdim=True).log()",
        "keeps the axis that it sums over",
        "(7, 1) and (7,) are different shapes. Which argument keeps an axis, and how do you drop it?",
    ),
    _lse(
        "logits.amax(dim=1, keepdim=True)  # (N, 1)\n    return largest[:, 0]",
        "logits.amax(dim=1)\n    return largest",
        "subtracts a tensor (7,) from one of (7, 15)",
        "PyTorch lines up the last axes. Which shape must the largest logits have to meet their rows?",
    ),
    _lse(
        "logits.amax(dim=1, keepdim=True)",
        "logits.max(dim=1, keepdim=True)",
        "calls `max` with an axis, which returns a pair",
        "Which of the two do you need? Or which function returns that one alone?",
    ),
    _lse(
        "",
        """def log_sum_exp(logits):
    largest = logits.max(dim=1, keepdim=True)
    return (logits - largest).exp().sum(dim=1).log() + largest[:, 0]""",
        "calls `max` with an axis, which returns a pair",
        "Which of the two do you need? Or which function returns that one alone?",
    ),
    _lse(
        ".sum(dim=1).log()",
        ".sum(dim=1).log1p()",
        "adds 1 before it takes the logarithm",
        "What does `log1p` compute?",
    ),
    _lse(
        "largest[:, 0] + (logits - largest).exp().sum(dim=1).log()",
        "largest[:, 0]",
        "returns the largest logit alone",
        "That is near if one logit stands out. What if two are equally large?",
    ),
    _loss(
        "- true_logits",
        "+ true_logits",
        "adds the true logit",
        "Should the loss rise or fall when the true class becomes more probable?",
    ),
    _loss(
        "losses.sum()",
        "losses.mean()",
        "returns the mean whatever `reduction` says",
        "What is the condition for, if both branches agree?",
    ),
    _loss(
        "losses.mean()",
        "losses.sum()",
        "returns the sum whatever `reduction` says",
        "What is the condition for, if both branches agree?",
    ),
    _loss(
        "torch.logsumexp(logits, dim=1)",
        "logits.exp().sum(dim=1).log()",
        "takes exp of the logits as they are",
        "What is exp(10,000) for a computer? You met the remedy in the exercise before.",
        by=KIND,
    ),
    _loss(
        "torch.logsumexp(logits, dim=1) - true_logits",
        "true_logits - torch.logsumexp(logits, dim=1)",
        "has the wrong sign",
        "A logarithm of a probability is never positive. And a loss?",
    ),
    _loss(
        "losses.mean()",
        "losses.sum() / logits.numel()",
        "divides by the number of logits",
        "A mean over what: images, or images times classes?",
    ),
    _loss(
        "torch.logsumexp(logits, dim=1) - true_logits",
        "-logits.softmax(dim=1).gather(1, labels[:, None])[:, 0]",
        "uses the probability in place of its logarithm",
        "How large can your loss become if the network is sure, and wrong?",
    ),
    _loss(
        "losses.mean() if",
        "losses if",
        "returns a loss for every image",
        "The exercise asks for one number. Which reduction makes it of them?",
    ),
    _loss(
        "torch.logsumexp(logits, dim=1) - true_logits",
        "torch.logsumexp(logits.softmax(dim=1), dim=1) - logits.softmax(dim=1).gather(1, labels[:, None])[:, 0]",
        "applies the softmax twice",
        "The logits go in as they are. Which step makes probabilities of them already?",
    ),
    _loss(
        "logits.gather(1, labels[:, None])[:, 0]",
        "logits.amax(dim=1)",
        "looks at the largest logit in place of the true one",
        "Where do the labels come in?",
    ),
    _softmax(
        " / len(labels)",
        "",
        "returns the gradient of the sum of the losses",
        "Your values are too large by the same factor everywhere. Which one?",
    ),
    _softmax(
        "logits.softmax(dim=1) - truth",
        "truth - logits.softmax(dim=1)",
        "returns the gradient with the opposite sign",
        "In which direction does the loss rise when the true logit grows?",
    ),
    _softmax(
        "softmax(dim=1)",
        "softmax(dim=0)",
        "takes the softmax over the images",
        "Whose probabilities should add up to 1: those of an image, or those of a class?",
    ),
    _softmax(
        "(logits.softmax(dim=1) - truth)",
        "logits.softmax(dim=1)",
        "returns the gradient of log-sum-exp alone",
        "The loss has two terms. What is the slope of the second?",
    ),
    _softmax(
        "/ len(labels)",
        "/ logits.numel()",
        "divides by the number of all logits",
        "Over what is the mean loss a mean?",
    ),
    _softmax(
        "logits.softmax(dim=1) - truth",
        "logits - truth",
        "takes the logits themselves for probabilities",
        "What turns logits into something that adds up to 1?",
    ),
    _numerical(
        "        below.view(-1)[i] -= step\n",
        "",
        "never goes down, and still divides by both steps",
        "How far apart are the two places that you compare?",
    ),
    _numerical(
        "function(below)) / (2 * step)",
        "function(values)) / step",
        "compares with the place itself, so that it looks ahead only",
        "What is the error of a slope that looks only ahead, where the function bends?",
    ),
    _numerical(
        "(2 * step)",
        "step",
        "divides by one step",
        "How far apart are the two places that you compare?",
    ),
    _numerical(
        "function(above) - function(below)",
        "function(below) - function(above)",
        "returns the gradient with the opposite sign",
        "If the function rises on the way up, should the slope be positive or negative?",
    ),
    _numerical(
        "values.clone(), values.clone()",
        "values, values",
        "moves the values themselves, so that both places are one",
        "How many tensors are there, if two names stand for the same one?",
    ),
    _numerical(
        "torch.zeros_like(values)",
        "torch.zeros(values.numel(), dtype=values.dtype)",
        "returns a row, whatever the shape of the values",
        "Which shape should a gradient have?",
    ),
    _back(
        " * (before > 0)",
        "",
        "lets every gradient back through the ReLU",
        "What happens to the loss if you change an input of ReLU that lies below 0?",
    ),
    _back(
        "(before > 0)",
        "(upstream @ w2 > 0)",
        "asks whether the gradient is positive, not the input of the ReLU",
        "Which of two numbers decides whether a ReLU is open?",
    ),
    _back(
        "before.clamp(min=0)",
        "before",
        "multiplies by what goes into the ReLU",
        "What is the input of the second layer?",
    ),
    _back(
        ".sum(dim=0)",
        ".mean(dim=0)",
        "takes the mean over the batch for the biases",
        "A bias is added to every input of the batch. How do the ways to the loss combine?",
    ),
    _back(
        "upstream.T @ hidden",
        "hidden.T @ upstream",
        "transposes the gradient of w2",
        "Which shape has w2, and which has your gradient?",
    ),
    _back(
        "inputs @ w1.T + b1",
        "inputs @ w1.T",
        "leaves out the bias on the way forward",
        "What exactly goes into the ReLU?",
    ),
]
