"""Mistakes in Part 4: gradient descent, and SGD with momentum and weight decay."""

from functools import partial

from helpers.grader.mistakes.mistake import Mistake

_path = partial(Mistake, "gradient_descent")
_sgd = partial(Mistake, "sgd_step")

MISTAKES = [
    _path(
        "(2 * path[-1] - 10)",
        "(2 * path[-1] + 10)",
        "has + 10 in the derivative",
        "Where is the derivative 0, and where is the lowest point of the curve?",
    ),
    _path(
        "return path",
        "return path[1:]",
        "leaves out the start",
        "How many points has a path of 5 steps, with both ends?",
    ),
    _path(
        "range(num_steps)",
        "range(num_steps + 1)",
        "takes one step too many",
        "The start is a point of the path, but is it a step?",
    ),
    _path(
        "(2 * path[-1] - 10)",
        "(path[-1] - 10)",
        "forgets the 2 in the derivative of w^2",
        "What is the slope of w^2 at w = 1?",
    ),
    _path(
        "path[-1] - learning_rate",
        "path[-1] + learning_rate",
        "walks uphill",
        "The gradient points to where the function grows. Where do you want to go?",
    ),
    _path(
        "(2 * path[-1] - 10)",
        "(2 * start - 10)",
        "takes the slope at the start for every step",
        "The slope changes on the way. Where do you stand in step 2?",
    ),
    _path(
        "return path",
        "return path[-1]",
        "returns where the path ends",
        "The figure below needs all points. What does the docstring ask for?",
    ),
    _path(
        "(2 * path[-1] - 10)",
        "(path[-1] ** 2 - 10 * path[-1] + 25)",
        "uses the height of the curve in place of its slope",
        "At the lowest point, which of the two is 0 for every such curve?",
    ),
    _path(
        "- 10))",
        "- 10 + 25))",
        "keeps the constant in the derivative",
        "If the whole curve is lifted by 25, does its slope change?",
    ),
    _sgd(
        " + weight_decay * weight",
        "",
        "has no weight decay",
        "What is added to the gradient of every weight?",
    ),
    _sgd(
        "return weight - learning_rate * velocity",
        "return weight.sub_(learning_rate * velocity)",
        "changes the tensors that came in",
        "What does the underscore in `sub_`, or an operator like `-=`, do to a tensor?",
    ),
    _sgd(
        "momentum * velocity + gradient",
        "momentum * velocity + (1 - momentum) * gradient",
        "takes a weighted mean of velocity and gradient",
        "Some books do. Which of the two factors stands in the formula above, and as in torch.optim?",
    ),
    _sgd(
        "return weight - learning_rate",
        "return weight + learning_rate",
        "walks uphill",
        "The gradient points to where the loss grows. Where do you want to go?",
    ),
    _sgd(
        "+ weight_decay * weight",
        "- weight_decay * weight",
        "lets the weights grow by weight decay",
        "If the gradient is 0, what should become of a weight: more, or less?",
    ),
    _sgd(
        "",
        """def sgd_step(weight, gradient, velocity, learning_rate, momentum=0.0, weight_decay=0.0):
    velocity = momentum * velocity + gradient
    return weight - learning_rate * (velocity + weight_decay * weight), velocity""",
        "lets weight decay pass by the velocity",
        "AdamW does so. Here, is the pull on a weight part of its gradient, or apart from it?",
    ),
    _sgd(
        "",
        """def sgd_step(weight, gradient, velocity, learning_rate, momentum=0.0, weight_decay=0.0):
    new = momentum * velocity + gradient + weight_decay * weight
    return weight - learning_rate * velocity, new""",
        "moves the weight by the old velocity",
        "Which of the two is updated first?",
    ),
    _sgd(
        "weight - learning_rate * velocity",
        "weight - velocity",
        "forgets the learning rate",
        "Which argument did you not use?",
    ),
    _sgd(
        "weight - learning_rate * velocity, velocity",
        "velocity, weight - learning_rate * velocity",
        "returns the velocity first",
        "In which order does the docstring name them?",
    ),
    _sgd(
        "weight - learning_rate * velocity, velocity",
        "weight - learning_rate * velocity",
        "returns the weight alone",
        "Who keeps the velocity until the next step?",
    ),
    _sgd(
        "momentum * velocity + gradient",
        "gradient",
        "has no momentum",
        "What of the step before is to be kept?",
    ),
    _sgd(
        "",
        """def sgd_step(weight, gradient, velocity, learning_rate, momentum=0.0, weight_decay=0.0):
    velocity = momentum * velocity + learning_rate * (gradient + weight_decay * weight)
    return weight - velocity, velocity""",
        "has the learning rate inside the velocity",
        "The weights come out the same while the rate does not change. What is in the velocity of the "
        "formula: gradients, or steps?",
    ),
]
