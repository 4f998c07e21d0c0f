"""exercise -> raise or one line: the checks of Part 4, on optimisers."""

import torch

from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.tools import compare, expect, pair, passed
from helpers.exercises.hints import hint as hint


@knows_mistakes("gradient_descent")
def check_gradient_descent(function, minimum=5.0):
    """Compare with torch.optim.SGD on (w - minimum)^2, which is w^2 - 10w + 25 for 5."""
    for start, learning_rate, num_steps in ((0.0, 0.1, 5), (12.0, 0.9, 8), (-3.0, 0.01, 3)):
        w = torch.tensor(start, requires_grad=True)
        optimizer, expected = torch.optim.SGD([w], lr=learning_rate), [start]
        for _ in range(num_steps):
            optimizer.zero_grad()
            ((w - minimum) ** 2).backward()
            optimizer.step()
            expected.append(w.item())
        case = f"from {start:g} with learning rate {learning_rate:g}, {num_steps} steps"
        compare(f"the path {case}", function(start, learning_rate, num_steps), expected)
    passed("gradient_descent")


@knows_mistakes("sgd_step")
def check_sgd_step(function):
    """Compare five steps with torch.optim.SGD, with momentum and weight decay."""
    generator = torch.Generator().manual_seed(4)
    gradients = torch.randn(5, 3, generator=generator)
    for momentum, weight_decay in ((0.0, 0.0), (0.9, 0.0), (0.0, 0.1), (0.9, 0.1)):
        library = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
        optimizer = torch.optim.SGD([library], lr=0.1, momentum=momentum, weight_decay=weight_decay)
        weight, velocity = library.detach().clone(), torch.zeros(3)
        for step, gradient in enumerate(gradients, start=1):
            library.grad = gradient.clone()
            optimizer.step()
            before = weight.clone(), velocity.clone()
            result = function(weight, gradient, velocity, 0.1, momentum, weight_decay)
            unchanged = torch.equal(weight, before[0]) and torch.equal(velocity, before[1])
            expect(unchanged, "sgd_step: the tensors that went in were changed; return new ones.")
            weight, velocity = pair("sgd_step", result, "weight and velocity")
            case = f"momentum {momentum:g}, weight decay {weight_decay:g}"
            compare(f"the weight after step {step} with {case}", weight, library)
            if momentum:
                buffer = optimizer.state[library]["momentum_buffer"]
                compare(f"the velocity after step {step} with {case}", velocity, buffer)
    passed("sgd_step")
