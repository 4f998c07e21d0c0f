"""The mistakes of helpers/grader/mistakes, made in other right solutions: {exercise: {does: mistake}}.

A mistake is (right, wrong), made in the first of RIGHT that holds `right`, or a whole function.
"""

OTHER = {
    "running_mean_and_std": {
        "divides the sum of squares by n - 1": (
            "np.sqrt(squares / n - mean**2)",
            "np.sqrt((squares / n - mean**2) * n / (n - 1))",
        ),
        "averages the spread inside the batches, and leaves out how far their means lie apart": """
def running_mean_and_std(batches):
    n, total, inside = 0, 0.0, 0.0
    for batch in batches:
        n, total = n + batch.size, total + batch.sum()
        inside += batch.size * np.var(batch)
    return total / n, math.sqrt(inside / n)""",
        "takes the plain mean of the batches' means": """
def running_mean_and_std(batches):
    kept = list(batches)
    mean = np.mean([np.mean(batch) for batch in kept])
    return mean, np.std(np.concatenate(kept))""",
        "moves the mean half way to the mean of each new batch": """
def running_mean_and_std(batches):
    mean = 0.0
    for batch in batches:
        mean = (mean + np.mean(batch)) / 2
    return mean, np.std(batch)""",
        "returns the variance in place of the standard deviation": (
            "np.sqrt(squares / n - mean**2)",
            "squares / n - mean**2",
        ),
        "returns the standard deviation first and the mean second": (
            "[torch.tensor(mean), torch.tensor(m2 / n).sqrt()]",
            "[torch.tensor(m2 / n).sqrt(), torch.tensor(mean)]",
        ),
        "subtracts large numbers that are almost equal, and so loses the digits of their difference": """
def running_mean_and_std(batches):
    values = torch.cat([torch.from_numpy(batch) for batch in batches])
    return values.mean().item(), (values.square().mean() - values.mean() ** 2).abs().sqrt().item()""",
        "measures each batch around the mean as it is known at that moment": """
def running_mean_and_std(batches):
    count, total, spread = 0, 0.0, 0.0
    for values in batches:
        count, total = count + values.size, total + float(values.sum())
        spread += float(np.square(values - total / count).sum())
    return total / count, np.sqrt(spread / count)""",
        "reads the batches twice": """
def running_mean_and_std(batches):
    mean = np.concatenate([batch for batch in batches]).mean()
    squares = (np.concatenate([batch for batch in batches]) - mean) ** 2
    return mean, np.sqrt(squares.mean())""",
        "averages the batches' standard deviations": """
def running_mean_and_std(batches):
    kept = [torch.from_numpy(batch) for batch in batches]
    sizes = torch.tensor([len(batch) for batch in kept]).double()
    stds = torch.stack([batch.std(correction=0) for batch in kept])
    return torch.cat(kept).mean(), (sizes * stds).sum() / sizes.sum()""",
    },
    "standardise": {
        "leaves the grey levels between 0 and 255": (".div(255.0)", ""),
        "divides by the variance": (".div(std)", ".div(std * std)"),
        "computes in 64 bits": (".astype(np.float32)", ""),
        "subtracts the mean before the grey levels are brought between 0 and 1": (
            ".div(255.0)\n    return grey.sub(mean)",
            "\n    return grey.sub(mean).div(255.0)",
        ),
        "divides the mean alone by the standard deviation": (
            "grey.sub(mean).div(std)",
            "grey.sub(mean / std)",
        ),
        "adds the mean": ("grey.sub(mean)", "grey.add(mean)"),
        "subtracts while the pixels are still unsigned bytes": (
            "(images.numpy() / 255.0 - mean)",
            "((images.numpy() - np.uint8(255 * mean)) / 255.0)",
        ),
        "divides whole numbers, without a remainder": (
            "images.numpy() / 255.0",
            "images.numpy() // 255",
        ),
        "divides the images that came in, in place": (
            "images.to(torch.float32).div(255.0)",
            "images.div_(255.0)",
        ),
    },
    "output_size": {
        "counts the steps of the kernel, not the places where it stands": (
            " / stride + 1",
            " / stride",
        ),
        "adds padding on one side only": ("2 * padding", "padding"),
        "returns a float, as `/` does": (
            "math.floor((size - kernel_size + 2 * padding) / stride + 1)",
            "(size - kernel_size + 2 * padding) / stride + 1",
        ),
        "ignores the padding": (
            "np.arange(-padding, size + padding - kernel_size + 1, stride)",
            "np.arange(0, size - kernel_size + 1, stride)",
        ),
        "adds 1 before it divides by the stride": (
            "(size - kernel_size + 2 * padding) / stride + 1",
            "(size - kernel_size + 2 * padding + 1) / stride",
        ),
        "rounds up where the stride does not divide the rest": ("math.floor", "math.ceil"),
        "rounds to the nearest whole number": ("math.floor", "round"),
        "ignores the stride": ("kernel_size + 1, stride)", "kernel_size + 1)"),
        "subtracts the padding": ("+ 2 * padding", "- 2 * padding"),
        "has no defaults for stride and padding": ("stride=1, padding=0", "stride, padding"),
    },
    "num_conv_parameters": {
        "leaves out the biases": (
            "nn.Conv2d(in_channels, out_channels, kernel_size)",
            "nn.Conv2d(in_channels, out_channels, kernel_size, bias=False)",
        ),
        "counts a kernel as one row of numbers": ("kernel_size, kernel_size]", "kernel_size]"),
        "has one bias for the whole layer": (" + out_channels", " + 1"),
        "has a bias for each input channel": (" + out_channels", " + in_channels"),
        "has a bias for each kernel": (" + out_channels", " + in_channels * out_channels"),
        "uses the same kernel for every input channel": (
            "np.prod([in_channels, out_channels,",
            "np.prod([out_channels,",
        ),
        "doubles the kernel's side in place of squaring it": (
            "kernel_size, kernel_size]",
            "kernel_size + kernel_size]",
        ),
        "uses ^, which is no power in Python": ("kernel_size, kernel_size]", "kernel_size ^ 2]"),
    },
    "build_deeper_net": {
        "has no biases in the third convolution": (
            "nn.Conv2d(channels, wider, kernel_size)",
            "nn.Conv2d(channels, wider, kernel_size, bias=wider < 32)",
        ),
        "has 16 outputs": ("nn.Linear(64, 15)", "nn.Linear(64, 16)"),
        "has no ReLU between the two linear layers": (
            "nn.Linear(800, 64), nn.ReLU()",
            "nn.Linear(800, 64)",
        ),
        "expects 6 x 6 pixels after the last pooling": ("800", "1152"),
        "expects the size before the last pooling": ("800", "3872"),
        "has no Flatten before the first linear layer": ("nn.Flatten(), ", ""),
        "has a 5 x 5 kernel in the third convolution": ("(32, 3)", "(32, 5)"),
        "ends with a softmax": (
            "nn.Linear(64, 15)]",
            "nn.Linear(64, 15), nn.LogSoftmax(dim=1)]",
        ),
        "has a ReLU after the last linear layer": (
            "nn.Linear(64, 15)]",
            "nn.Linear(64, 15), nn.ReLU()]",
        ),
        "expects colour pictures": ("layers, channels = [], 1", "layers, channels = [], 3"),
    },
    "log_sum_exp": {
        "takes exp of the logits as they are": (
            "m + np.log(np.exp(z - m[:, None]).sum(axis=1))",
            "np.log(np.exp(z).sum(axis=1))",
        ),
        "subtracts the largest logit of the whole batch": (
            "m, _ = logits.max(dim=1)",
            "m = logits.max().repeat(len(logits))",
        ),
        "subtracts something else than each row's largest logit": (
            "m, _ = logits.max(dim=1)",
            "m, _ = logits.min(dim=1)",
        ),
        "takes a mean where the formula has a sum": (".sum(axis=1)", ".mean(axis=1)"),
        "subtracts the largest logit and does not add it again": (
            "return m + torch",
            "return torch",
        ),
        "leaves out the logarithm": (
            "torch.log(torch.sum(torch.exp(logits - m.unsqueeze(1)), 1))",
            "torch.sum(torch.exp(logits - m.unsqueeze(1)), 1)",
        ),
        "works down the columns": """
def log_sum_exp(logits):
    z = logits.numpy().astype(np.float64)
    m = z.max(axis=0)
    return m + np.log(np.exp(z - m).sum(axis=0))""",
        "keeps the axis that it sums over": """
def log_sum_exp(logits):
    z = logits.numpy().astype(np.float64)
    m = z.max(axis=1, keepdims=True)
    return m + np.log(np.exp(z - m).sum(axis=1, keepdims=True))""",
        "subtracts a tensor (7,) from one of (7, 15)": ("m.unsqueeze(1)", "m"),
        "calls `max` with an axis, which returns a pair": """
def log_sum_exp(logits):
    m = torch.max(logits, 1, keepdim=True)
    return torch.log(torch.sum(torch.exp(logits - m), 1)) + m""",
        "adds 1 before it takes the logarithm": ("np.log(", "np.log1p("),
        "returns the largest logit alone": """
def log_sum_exp(logits):
    return logits.numpy().max(axis=1)""",
    },
    "cross_entropy": {
        "adds the true logit": ("- (z * h).sum()", "+ (z * h).sum()"),
        "returns the mean whatever `reduction` says": (
            'total / len(labels) if reduction == "mean" else total',
            "total / len(labels)",
        ),
        "returns the sum whatever `reduction` says": (
            'total / len(labels) if reduction == "mean" else total',
            "total",
        ),
        "takes exp of the logits as they are": (
            "torch.logsumexp(z, 0)",
            "torch.log(torch.exp(z).sum())",
        ),
        "has the wrong sign": ("total = -log_p", "total = log_p"),
        "divides by the number of logits": (
            "total / len(labels) if",
            "total / (len(labels) * logits.shape[1]) if",
        ),
        "uses the probability in place of its logarithm": (
            "total = -log_p[",
            "total = -log_p.exp()[",
        ),
        "returns a loss for every image": (
            '{"mean": np.mean, "sum": np.sum}[reduction]([l.item() for l in losses])',
            "torch.stack(losses)",
        ),
        "applies the softmax twice": (
            "    log_p = logits",
            "    logits = torch.softmax(logits, 1)\n    log_p = logits",
        ),
        "looks at the largest logit in place of the true one": ("(z * h).sum()", "z.max()"),
    },
    "gradient_descent": {
        "has + 10 in the derivative": ("w**2 - 10 * w", "w**2 + 10 * w"),
        "leaves out the start": ("range(num_steps + 1)", "range(1, num_steps + 1)"),
        "takes one step too many": ("range(num_steps + 1)", "range(num_steps + 2)"),
        "forgets the 2 in the derivative of w^2": ("w**2 - 10 * w", "w**2 / 2 - 10 * w"),
        "walks uphill": ("w - learning_rate * g", "w + learning_rate * g"),
        "takes the slope at the start for every step": """
def gradient_descent(start, learning_rate, num_steps):
    slope = 2 * start - 10
    return [start - k * learning_rate * slope for k in range(num_steps + 1)]""",
        "returns where the path ends": ("return np.array(path)", "return w"),
        "uses the height of the curve in place of its slope": """
def gradient_descent(start, learning_rate, num_steps):
    w, path = start, [start]
    while len(path) <= num_steps:
        w -= learning_rate * (w - 5) ** 2
        path += [w]
    return torch.tensor(path)""",
        "keeps the constant in the derivative": ("+ 25, w)", "+ 25 + 25 * w, w)"),
    },
    "sgd_step": {
        "has no weight decay": (".add_(weight, alpha=weight_decay)", ""),
        "changes the tensors that came in": (
            "weight, velocity = weight.clone(), velocity.clone()\n    ",
            "",
        ),
        "takes a weighted mean of velocity and gradient": (
            "v = momentum * v + (g + weight_decay * w)",
            "v = momentum * v + (1 - momentum) * g + weight_decay * w",
        ),
        "walks uphill": ("weight.sub_(velocity", "weight.add_(velocity"),
        "lets the weights grow by weight decay": ("(g + weight_decay", "(g - weight_decay"),
        "lets weight decay pass by the velocity": """
def sgd_step(weight, gradient, velocity, learning_rate, momentum=0.0, weight_decay=0.0):
    velocity = velocity.mul(momentum).add(gradient)
    weight = weight.mul(1 - learning_rate * weight_decay)
    return weight.sub(velocity, alpha=learning_rate), velocity""",
        "moves the weight by the old velocity": (
            """    velocity.mul_(momentum).add_(gradient).add_(weight, alpha=weight_decay)
    weight.sub_(velocity, alpha=learning_rate)""",
            """    moved = weight.sub(velocity, alpha=learning_rate)
    velocity.mul_(momentum).add_(gradient).add_(weight, alpha=weight_decay)
    weight = moved""",
        ),
        "forgets the learning rate": ("w - learning_rate * v", "w - v"),
        "returns the velocity first": ("return weight, velocity", "return velocity, weight"),
        "returns the weight alone": ("return weight, velocity", "return weight"),
        "has no momentum": ("velocity.mul_(momentum)", "velocity.mul_(0)"),
        "has the learning rate inside the velocity": (
            "v = momentum * v + (g + weight_decay * w)\n    return [torch.from_numpy(w - learning_rate * v)",
            "v = momentum * v + learning_rate * (g + weight_decay * w)\n    return [torch.from_numpy(w - v)",
        ),
    },
    "accumulated_step": {
        "never cuts the batch": (
            "torch.arange(len(labels)).tensor_split(num_chunks)",
            "[torch.arange(len(labels))]",
        ),
        "never clears the gradients": (
            "    for p in model.parameters():\n        p.grad = None\n",
            "",
        ),
        "weights all chunks alike": """
def accumulated_step(model, images, labels, optimizer, num_chunks):
    optimizer.zero_grad()
    losses = []
    for some, their in zip(images.chunk(num_chunks), labels.chunk(num_chunks)):
        loss = F.cross_entropy(model(some), their)
        (loss / num_chunks).backward()
        losses.append(loss.item())
    optimizer.step()
    return np.mean(losses)""",
        "takes the sum of the images' losses": """
def accumulated_step(model, images, labels, optimizer, num_chunks):
    optimizer.zero_grad()
    losses = []
    for some, their in zip(images.chunk(num_chunks), labels.chunk(num_chunks)):
        log_p = torch.log_softmax(model(some), 1)
        losses.append(-log_p[torch.arange(len(their)), their].sum())
        losses[-1].backward()
    optimizer.step()
    return sum(losses)""",
        "steps after every chunk": """
def accumulated_step(model, images, labels, optimizer, num_chunks):
    optimizer.zero_grad()
    losses = []
    for some, their in zip(images.chunk(num_chunks), labels.chunk(num_chunks)):
        loss = F.cross_entropy(model(some), their) * (len(some) / len(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses).sum()""",
        "never changes the weights": ("    optimizer.step()\n    return torch", "    return torch"),
        "clears the gradients for every chunk": """
def accumulated_step(model, images, labels, optimizer, num_chunks):
    losses = []
    for some, their in zip(images.chunk(num_chunks), labels.chunk(num_chunks)):
        model.zero_grad()
        loss = F.cross_entropy(model(some), their) * (len(some) / len(labels))
        loss.backward()
        losses.append(loss.detach())
    optimizer.step()
    return torch.stack(losses).sum()""",
        "adds up the means of the chunks": """
def accumulated_step(model, images, labels, optimizer, num_chunks):
    optimizer.zero_grad()
    losses = [
        F.cross_entropy(model(some), their)
        for some, their in zip(images.chunk(num_chunks), labels.chunk(num_chunks))
    ]
    sum(losses).backward()
    optimizer.step()
    return sum(losses)""",
        "returns the last chunk's part of the loss": """
def accumulated_step(model, images, labels, optimizer, num_chunks):
    optimizer.zero_grad()
    for some, their in zip(images.chunk(num_chunks), labels.chunk(num_chunks)):
        loss = F.cross_entropy(model(some), their) * (len(some) / len(labels))
        loss.backward()
    optimizer.step()
    return loss""",
    },
    "accuracy": {
        "leaves the network in training": ("    model.train(False)\n", ""),
        "counts as many images in every batch as in the first": """
def accuracy(model, batches):
    model.eval()
    rows = [(model(b.images).argmax(1) == b.labels).sum().item() for b in batches]
    return sum(rows) / (10 * len(rows))""",
        "takes the mean of the batches' accuracies": (
            "np.mean(np.concatenate(right))",
            "np.mean([r.mean() for r in right])",
        ),
        "divides by the number of batches": ("count += batch.labels.shape[0]", "count += 1"),
        "returns how many are right": ("np.mean(right)", "np.sum(right)"),
        "returns the share of wrong answers": ("return hits / count", "return 1 - hits / count"),
        "asks for the best image of each class": ("argmax(1)", "argmax(0)"),
        "counts the right answers of the last batch only": ("hits += (model", "hits = (model"),
        "divides whole numbers, without a remainder": ("hits / count", "hits // count"),
        "returns per cent": ("return hits / count", "return hits / count * 100"),
    },
    "random_flip": {
        "draws once for the whole batch": """
def random_flip(images, p=0.5):
    return images.flip(-1) if np.random.rand() < p else images.clone()""",
        "turns pictures upside down": ("images[chosen].flip(-1)", "images[chosen].flip(-2)"),
        "mirrors with probability 1 - p": ("< p", ">= p"),
        "mirrors every second image, whatever p says": ("rng.random() < p", "rng.random() < 0.5"),
        "mirrors every image": (
            "result[chosen] = images[chosen].flip(-1)",
            "result = images.flip(-1)",
        ),
        "changes the images that came in": ("images.clone()", "images"),
        "sets a seed inside": ("default_rng()", "default_rng(5)"),
        "returns only some of the images": ("    return result", "    return result[chosen]"),
    },
    "random_light": {
        "draws one factor for the whole batch": (
            "a = np.random.uniform(1 - contrast, 1 + contrast, (len(images), 1, 1, 1))",
            "a = np.random.uniform(1 - contrast, 1 + contrast)",
        ),
        "draws one brightness for the whole batch": (
            "b = np.random.uniform(-brightness, brightness, (len(images), 1, 1, 1))",
            "b = np.random.uniform(-brightness, brightness)",
        ),
        "multiplies what it adds by the factor, too": (
            "a * images.numpy() + b",
            "(images.numpy() + b) * a",
        ),
        "only ever makes pictures brighter": ("uniform_(-brightness,", "uniform_(0,"),
        "only ever raises the contrast": ("uniform_(1 - contrast,", "uniform_(1,"),
        "reaches only half as far as it should": (
            "    a = np",
            "    contrast, brightness = contrast / 2, brightness / 2\n    a = np",
        ),
        "takes contrast for brightness": (
            "    a = torch",
            "    contrast, brightness = brightness, contrast\n    a = torch",
        ),
        "multiplies by a factor around 0": (
            "uniform(1 - contrast, 1 + contrast,",
            "uniform(-contrast, contrast,",
        ),
        "cuts off what leaves the range from 0 to 1": (
            "torch.from_numpy(a * images.numpy() + b)",
            "torch.from_numpy(np.clip(a * images.numpy() + b, 0, 1))",
        ),
        "uses one draw for both amounts": """
def random_light(images, brightness=0.3, contrast=0.3):
    r = np.random.uniform(-1, 1, (len(images), 1, 1, 1))
    return torch.from_numpy((1 + contrast * r) * images.numpy() + brightness * r)""",
        "draws anew inside an image": (
            "b = torch.empty(len(images), 1, 1, 1)",
            "b = torch.empty(images.shape)",
        ),
        "changes the images that came in": (
            "torch.addcmul(b, a, images)",
            "images.mul_(a).add_(b)",
        ),
        "sets a seed inside": ("    a = np", "    np.random.seed(3)\n    a = np"),
    },
    "dropout": {
        "leaves the kept values as they are": ("values * mask / (1 - p)", "values * mask"),
        "makes the kept values smaller": ("v / (1 - p))", "v * (1 - p))"),
        "divides by the share that is dropped": ("v / (1 - p))", "v / p)"),
        "keeps with probability p": ("values.shape, 1 - p)", "values.shape, p)"),
        "drops nothing in training": ("if training:", "if not training:"),
        "drops values at evaluation, too": (
            "F.dropout(values, p, training)",
            "F.dropout(values, p)",
        ),
        "scales the values at evaluation": ("if training else v", "if training else v * (1 - p)"),
        "drops the same places in every row": (
            "np.random.rand(*v.shape)",
            "np.random.rand(*v.shape[1:])",
        ),
        "sets a seed inside": ("    v = values", "    np.random.seed(1)\n    v = values"),
        "changes the values that came in": (
            "F.dropout(values, p, training)",
            "F.dropout(values, p, training, inplace=True)",
        ),
    },
    "prepare_for_fine_tuning": {
        "freezes nothing": (
            "    for parameter in model.parameters():\n        parameter.requires_grad = False\n",
            "",
        ),
        "freezes the new layer, too": """
def prepare_for_fine_tuning(model, num_classes):
    layers = list(model.classifier)
    layers[-1] = nn.Linear(layers[-1].in_features, num_classes)
    model.classifier = nn.Sequential(*layers)
    for p in model.parameters():
        p.requires_grad_(False)
    return model""",
        "always builds a layer for 15 classes": ("in_features, num_classes)", "in_features, 15)"),
        "adds a layer behind the last one": """
def prepare_for_fine_tuning(model, num_classes):
    for p in model.parameters():
        p.requires_grad_(False)
    model.classifier = nn.Sequential(*model.classifier, nn.Linear(16, num_classes))
    return model""",
        "freezes the convolutions only": (
            'startswith(f"classifier.{len(layers) - 1}.")',
            'startswith("classifier")',
        ),
        "changes the network and returns nothing": ("    return model", "    pass"),
        "builds the new layer without biases": (
            "in_features, num_classes)",
            "in_features, num_classes, bias=False)",
        ),
        "gives the new layer as many inputs as the old one had outputs": (
            "old.weight.shape[1], num_classes",
            "old.weight.shape[0], num_classes",
        ),
        "replaces the whole classifier": (
            "    setattr(model.classifier, name, nn.Linear(old.weight.shape[1], num_classes))",
            "    model.classifier = nn.Sequential(nn.Linear(old.weight.shape[1], num_classes))",
        ),
        "returns the new layer alone": (
            "    return model",
            "    return getattr(model.classifier, name)",
        ),
    },
    "affine_parameters": {
        "takes the range as it is, even where 0 lies outside": (
            "    low, high = np.minimum(low, 0), np.maximum(high, 0)\n",
            "",
        ),
        "divides by the number of codes": (
            "np.float64(high - low) / 255",
            "np.float64(high - low) / 256",
        ),
        "has the wrong sign in the zero point": ("np.rint(-low", "np.rint(low"),
        "cuts off the zero point in place of rounding it": (
            "(-low / scale).round().int()",
            "(-low / scale).int()",
        ),
        "returns a zero point that is no whole number": (
            "np.int64(np.rint(-low / scale))",
            "float(-low / scale)",
        ),
        "counts the zero point from the highest value": ("np.rint(-low", "np.rint(high"),
        "returns the zero point first": (
            "scale, (-low / scale).round().int()",
            "(-low / scale).round().int(), scale",
        ),
        "makes the range symmetric around 0": (
            "scale = (high - low) / 255",
            "scale = torch.maximum(-low, high) / 127",
        ),
        "forgets to count the zero point in steps": ("(-low / scale).round()", "(-low).round()"),
    },
    "quantise": {
        "lets codes leave the range": ("np.clip(codes, 0, 255)", "codes.astype(int)"),
        "cuts off in place of rounding": (
            "torch.round(values / scale + zero_point)",
            "torch.floor(values / scale + zero_point)",
        ),
        "forgets the zero point": (" / scale) + zero_point", " / scale)"),
        "returns codes as floats": ("255, codes)).byte()", "255, codes))"),
        "returns signed codes": (
            "np.clip(codes, 0, 255).astype(np.uint8)",
            "np.clip(codes, -128, 127).astype(np.int8)",
        ),
        "multiplies by the scale": ("torch.round(values / scale", "torch.round(values * scale"),
        "cuts off the range before it adds the zero point": """
def quantise(values, scale, zero_point):
    return (np.clip(np.rint(np.asarray(values) / scale), 0, 255) + zero_point).astype(np.uint8)""",
        "rounds the values before they are counted in steps": (
            "np.round(np.asarray(values) / scale)",
            "np.round(np.asarray(values)) / scale",
        ),
        "subtracts the zero point": ("/ scale + zero_point", "/ scale - zero_point"),
    },
    "dequantise": {
        "subtracts while the codes are still unsigned bytes": (
            "(np.asarray(codes).astype(np.float32) - zero_point)",
            "(np.asarray(codes) - np.uint8(zero_point)).astype(np.float32)",
        ),
        "forgets the zero point": (" - scale * zero_point", ""),
        "divides by the scale": ("* np.float32(scale)", "/ np.float32(scale)"),
        "adds the zero point": ("- scale * zero_point", "+ scale * zero_point"),
        "subtracts the zero point from the values": ("- scale * zero_point", "- zero_point"),
        "rounds the values": (
            "scale * codes.to(torch.float32) - scale * zero_point",
            "torch.round(scale * codes.to(torch.float32) - scale * zero_point)",
        ),
    },
    "confusion_matrix": {
        "has rows for predicted classes": ("counts[true, said]", "counts[said, true]"),
        "returns the counts in one long row": ("    return counts", "    return counts.flatten()"),
        "returns shares of each row in place of counts": (
            "    return counts",
            "    return counts / counts.sum(axis=1)[:, None]",
        ),
        "counts only up to the largest cell that occurs": """
def confusion_matrix(labels, predictions, num_classes):
    return torch.bincount(predictions + num_classes * labels).reshape(num_classes, num_classes)""",
        "takes the number of classes from the data": (
            "torch.eye(num_classes)",
            "torch.eye(len(labels.unique()))",
        ),
        "counts right answers only": (
            "        counts[true, said] += 1",
            "        counts[true, said] += true == said",
        ),
        "counts a pair once, however often it occurs": (
            "counts[true, said] += 1",
            "counts[true, said] = 1",
        ),
        "ignores the predictions": ("hot[predictions]", "hot[labels]"),
    },
    "distillation_loss": {
        "has no factor T²": ("(said, wanted) * temperature**2", "(said, wanted)"),
        "multiplies by T, not by its square": ("* temperature**2", "* temperature"),
        "softens the student only": (
            "torch.softmax(teacher_logits / temperature, 1)",
            "torch.softmax(teacher_logits, 1)",
        ),
        "softens the teacher only": (
            "torch.log_softmax(student_logits / temperature, 1)",
            "torch.log_softmax(student_logits, 1)",
        ),
        "takes the mean over images and classes": ('"batchmean"', '"mean"'),
        "returns the cross-entropy with the teacher's answers": (
            "(t.exp() * (t - s))",
            "(t.exp() * -s)",
        ),
        "takes the divergence the other way round": ("(t.exp() * (t - s))", "(s.exp() * (s - t))"),
        "weights by the student's probabilities": ("(t.exp() * (t - s))", "(s.exp() * (t - s))"),
        "sums over the images": ('"batchmean"', '"sum"'),
        "takes the logarithm of a softmax": (
            "torch.log_softmax(student_logits / temperature, 1)",
            "torch.log(torch.softmax(student_logits / temperature, 1))",
        ),
    },
    "agreement": {
        "returns how many answers agree": ("float(same.sum()) / len(same)", "int(same.sum())"),
        "compares the logits, not the answers": """
def agreement(first_logits, second_logits):
    return float((first_logits == second_logits).all(dim=1).double().mean())""",
        "takes the mean of truth values": ("float(same.sum()) / len(same)", "torch.mean(same)"),
        "asks for the best image of each class": (
            "np.mean(np.argmax(first_logits.numpy(), 1) == np.argmax(second_logits.numpy(), 1))",
            "np.mean(np.argmax(first_logits.numpy(), 0) == np.argmax(second_logits.numpy(), 0))",
        ),
        "returns the share on which they differ": (".indices.eq(", ".indices.ne("),
        "returns per cent": (
            "float(same.sum()) / len(same)",
            "100 * float(same.sum()) / len(same)",
        ),
        "divides by the number of classes": ("/ len(same)", "/ second_logits.size(1)"),
    },
    "softmax_gradient": {
        "returns the gradient of the sum of the losses": (
            "slopes.div(logits.shape[0])",
            "slopes",
        ),
        "returns the gradient with the opposite sign": (
            "slopes.div(logits.shape[0])",
            "slopes.div(-logits.shape[0])",
        ),
        "takes the softmax over the images": (
            "torch.softmax(logits, 1)",
            "torch.softmax(logits, 0)",
        ),
        "returns the gradient of log-sum-exp alone": (
            "(e / e.sum(axis=1, keepdims=True) - np.eye(z.shape[1])[labels.numpy()])",
            "e / e.sum(axis=1, keepdims=True)",
        ),
        "divides by the number of all logits": ("/ len(z)", "/ z.size"),
        "takes the logits themselves for probabilities": (
            "torch.softmax(logits, 1).clone()",
            "logits.clone()",
        ),
    },
    "numerical_gradient": {
        "never goes down, and still divides by both steps": (
            "function(values - move)",
            "function(values)",
        ),
        "compares with the place itself, so that it looks ahead only": (
            "(function(values + move) - function(values - move)) / step / 2",
            "(function(values + move) - function(values)) / step",
        ),
        "divides by one step": ("/ step / 2", "/ step"),
        "returns the gradient with the opposite sign": (
            "(function(values + move) - function(values - move))",
            "(function(values - move) - function(values + move))",
        ),
        "moves the values themselves, so that both places are one": """
def numerical_gradient(function, values, step):
    above = below = values
    result = torch.empty_like(values)
    for place in np.ndindex(*values.shape):
        above[place] += step
        below[place] -= step
        result[place] = (function(above) - function(below)) / (2 * step)
    return result""",
        "returns a row, whatever the shape of the values": (
            "np.reshape(slopes, values.shape)",
            "np.array(slopes)",
        ),
    },
    "backward": {
        "lets every gradient back through the ReLU": ("        d[z <= 0] = 0\n", ""),
        "asks whether the gradient is positive, not the input of the ReLU": (
            "np.where(h > 0, g @ v, 0)",
            "np.maximum(g @ v, 0)",
        ),
        "multiplies by what goes into the ReLU": ("z.relu()", "z"),
        "takes the mean over the batch for the biases": (
            "d.sum(0), np.einsum",
            "d.mean(0), np.einsum",
        ),
        "transposes the gradient of w2": ('"nc,nh->ch"', '"nc,nh->hc"'),
        "leaves out the bias on the way forward": ("w1 @ x + b1", "w1 @ x"),
    },
    "train_one_epoch": {
        "leaves the network in evaluation": ("    model.train(True)\n", ""),
        "lets the gradients of all batches add up": (
            "        optimizer.zero_grad(set_to_none=True)\n",
            "",
        ),
        "takes steps without new gradients": ("        loss.backward()\n", ""),
        "never changes the weights": ("        optimizer.step()\n", ""),
        "takes the mean over batches, not over images": (
            "losses += each.tolist()",
            "losses += [each.mean().item()]",
        ),
        "returns after the first batch": (
            "        seen += b.images.shape[0]\n    return",
            "        seen += b.images.shape[0]\n        return",
        ),
        "returns the sum of the losses": ("np.mean(losses)", "np.sum(losses)"),
        "takes the loss after the step": (
            "losses += each.tolist()",
            'losses += F.cross_entropy(model(batch.images), batch.labels, reduction="none").tolist()',
        ),
        "returns the loss of the last batch": ("np.mean(losses)", "each.mean().item()"),
        "divides the sum of the batches' mean losses by the number of images": (
            "loss.detach() * b.images.shape[0]",
            "loss.detach()",
        ),
        "takes a softmax before the cross-entropy": (
            "logits = model(batch.images)",
            "logits = torch.softmax(model(batch.images), 1)",
        ),
        "reads all batches once before the loop, so that none is left for it": """
def train_one_epoch(model, batches, optimizer):
    model.train(True)
    num_images = len([label for batch in batches for label in batch.labels])
    losses = 0
    for batch in batches:
        loss = F.cross_entropy(model(batch.images), batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += loss.item() * len(batch.labels)
    return losses / num_images""",
    },
    "ImageFiles": {
        "leaves pictures in colour as they are": ('image.convert("L")', "image"),
        "returns grey levels up to 255": ("grey / np.float32(255)", "grey"),
        "leaves out the axis of the channels": (".unsqueeze(0)", ""),
        "returns the image alone": (".unsqueeze(0), self.classes[i]", ".unsqueeze(0)"),
        "returns the number of the picture in place of its label": (
            ".unsqueeze(0), self.classes[i]",
            ".unsqueeze(0), i",
        ),
        "opens all files at once": (
            "self.items = list(zip(paths, labels))",
            "self.items = [(path, label) for path, label in zip(paths, labels) if Image.open(path)]",
        ),
        "returns numbers of 64 bits": (
            "torch.tensor(grey / np.float32(255))",
            "torch.tensor(grey / np.float64(255))",
        ),
        "exchanges height and width": ("torch.tensor(grey /", "torch.tensor(grey.T /"),
    },
    "get_data_augmentation_transforms": {
        "mirrors up and down": ("T.RandomHorizontalFlip()", "T.RandomVerticalFlip()"),
        "changes the light after normalising": (
            "T.ColorJitter(0.3, 0.3), T.ToTensor(), T.Normalize([mean], [std])",
            "T.ToTensor(), T.Normalize([mean], [std]), T.ColorJitter(0.3, 0.3)",
        ),
        "leaves grey levels as they are, up to 255": (
            "(grey.float() / 255 - mean)",
            "(grey.float() - mean)",
        ),
        "cuts crops that are too small, as the library does by default": (
            "T.RandomResizedCrop(size, (0.5, 1))",
            "T.RandomResizedCrop(size)",
        ),
        "never normalises": ("(grey.float() / 255 - mean) / std", "grey.float() / 255"),
        "leaves pictures in colour as they are": (
            "T.Grayscale(num_output_channels=1), ",
            "",
        ),
        "changes the brightness alone": ("v2.ColorJitter(0.3, 0.3)", "v2.ColorJitter(0.3)"),
        "never turns a picture": ("v2.RandomRotation(12), ", ""),
        "scales the whole picture and never cuts a crop": (
            "v2.RandomResizedCrop((size, size), (0.5, 1), (1, 1))",
            "v2.Resize((size, size))",
        ),
    },
    "SmallNetDropout": {
        "has no dropout before the first linear layer": (
            "F.dropout(x.flatten(1), self.rate, self.training)",
            "x.flatten(1)",
        ),
        "has no dropout before the last layer": (
            "F.dropout(F.relu(self.fc1(x)), self.rate, self.training)",
            "F.relu(self.fc1(x))",
        ),
        "always drops a half, whatever the rate": ("nn.Dropout(rate)", "nn.Dropout()"),
        "always has 15 outputs": ("nn.Linear(40, num_classes)", "nn.Linear(40, 15)"),
        "drops logits": """
class SmallNetDropout(nn.Module):
    def __init__(self, num_classes=15, rate=0.5):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 5), nn.Conv2d(8, 16, 3)
        self.fc1, self.fc2 = nn.Linear(1296, 40), nn.Linear(40, num_classes)
        self.rate = rate
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 3)
        x = F.dropout(x.flatten(1), self.rate, self.training)
        return F.dropout(self.fc2(F.relu(self.fc1(x))), self.rate, self.training)""",
        "has no ReLU behind the second convolution": (
            "F.max_pool2d(F.relu(self.conv2(x)), 3)",
            "F.max_pool2d(self.conv2(x), 3)",
        ),
        "has a convolution without bias": (
            "nn.Conv2d(8, 16, 3)",
            "nn.Conv2d(8, 16, 3, bias=False)",
        ),
    },
    "batch_norm": {
        "keeps a running variance that is divided by n": ("flat.var(0, ddof=1)", "flat.var(0)"),
        "normalises by a variance that is divided by n - 1": (
            "flat.mean(0), flat.var(0)",
            "flat.mean(0), flat.var(0, ddof=1)",
        ),
        "exchanges the shares of the old mean and the new": (
            "m + momentum * (now - m)",
            "now + momentum * (m - now)",
        ),
        "uses the batch at evaluation, too": ("bias, training, momentum", "bias, True, momentum"),
        "adds eps outside the root": ("np.sqrt(spread + eps)", "(np.sqrt(spread) + eps)"),
        "divides by the variance": ("/ np.sqrt(spread + eps)", "/ (spread + eps)"),
        "leaves out the weight and the bias": ("weight, bias, training", "None, None, training"),
        "brings the running averages up to date at evaluation, too": (
            "    return result, *kept",
            "    if not training:\n"
            "        F.batch_norm(values, *kept, weight, bias, True, momentum, eps)\n"
            "    return result, *kept",
        ),
        "never changes the running averages": (
            "return result, *kept",
            "return result, running_mean, running_var",
        ),
        "leaves out eps": ("np.sqrt(spread + eps)", "np.sqrt(spread)"),
        "changes the running mean that is passed in": (
            "kept = running_mean.clone(), running_var.clone()",
            "kept = running_mean, running_var",
        ),
    },
    "build_inverted_residual": {
        "has no skip connection": ("self.norm3(self.back(y)) + x", "self.norm3(self.back(y))"),
        "mixes all channels in the first convolution": (", groups=c", ""),
        "changes the size of the picture, so that it cannot be added": (
            'padding="same", ',
            "",
        ),
        "has a convolution with bias before batch norm": (
            "nn.Conv2d(c, e * c, 1, bias=False)",
            "nn.Conv2d(c, e * c, 1)",
        ),
        "has a ReLU at the end of its layers": (
            "self.norm3(self.back(y)) + x",
            "F.relu(self.norm3(self.back(y))) + x",
        ),
        "has no ReLU before its last convolution": (
            "    layers.insert(4, nn.ReLU(inplace=True))\n",
            "",
        ),
        "is narrow in the middle instead of wide": (
            "expansion * channels",
            "channels // expansion",
        ),
    },
    "standard_error": {
        "divides the sum of squares by n": ("(len(values) - 1)", "len(values)"),
        "divides by the number of runs, not by its root": ("np.sqrt(len(values))", "len(values)"),
        "returns the standard deviation of a single run": (" / np.sqrt(len(values))", ""),
        "starts from the variance": (".std()", ".var()"),
        "takes 1 off the number of runs twice": (
            "np.sqrt(len(values))",
            "np.sqrt(len(values) - 1)",
        ),
    },
    "paired_comparison": {
        "treats the runs as if they had different seeds": (" - 2 * covariance[0, 1]", ""),
        "subtracts the first from the second": ("[a - b for", "[b - a for"),
        "divides the sum of squares by n": ("gaps.std()", "gaps.std(correction=0)"),
        "returns the standard deviation of the differences": (
            "gaps.std() / len(gaps) ** 0.5",
            "gaps.std()",
        ),
        "divides by the number of pairs, not by its root": ("len(gaps) ** 0.5", "len(gaps)"),
        "takes n - 1 twice, in the deviation and under the root": (
            "len(gaps) ** 0.5",
            "(len(gaps) - 1) ** 0.5",
        ),
        "drops the sign of each difference": ("[a - b for", "[abs(a - b) for"),
        "sorts the runs, so that pairs are torn apart": (
            "zip(first, second)",
            "zip(sorted(first), sorted(second))",
        ),
    },
    "int8_matmul": {
        "subtracts the zero point in uint8": (
            "a_codes.numpy().astype(np.int32) - a_zero_point",
            "(a_codes.numpy() - np.uint8(a_zero_point)).astype(np.int32)",
        ),
        "leaves out the second zero point": (
            "b_codes.numpy().astype(np.int32) - b_zero_point",
            "b_codes.numpy().astype(np.int32)",
        ),
        "leaves out the second scale": ("a_scale * b_scale * sums", "a_scale * sums"),
        "adds the scales": ("a_scale * b_scale * sums", "(a_scale + b_scale) * sums"),
        "adds up in 16 bits": ("np.int32", "np.int16"),
        "computes with floats": (
            "sums = sums + a.shape[1] * a_zero_point * b_zero_point",
            "sums = sums.double() + a.shape[1] * a_zero_point * b_zero_point",
        ),
        "adds up in 16 bits and changes the type at the end": (
            'sums = np.einsum("nk,km->nm", a, b)',
            "sums = (np.int16(a) @ np.int16(b)).astype(np.int32)",
        ),
        "exchanges the two zero points": (
            "b_zero_point * a.sum(1, keepdim=True) - a_zero_point * b.sum(0, keepdim=True)",
            "a_zero_point * a.sum(1, keepdim=True) - b_zero_point * b.sum(0, keepdim=True)",
        ),
        "adds the product of the zero points once in place of K times": (
            "a.shape[1] * a_zero_point",
            "a_zero_point",
        ),
        "adds up in 32-bit floats and changes the type at the end": (
            'sums = np.einsum("nk,km->nm", a, b)',
            "sums = (np.float32(a) @ np.float32(b)).astype(np.int32)",
        ),
    },
    "fit_temperature": {
        "multiplies by the temperature": (
            "return 1 / cold.exp().item()",
            "return cold.exp().item()",
        ),
        "takes the largest loss": """
def fit_temperature(logits, labels):
    return max(np.geomspace(0.1, 10, 200), key=lambda t: F.cross_entropy(logits / t, labels).item())""",
        "returns the smallest loss in place of its temperature": (
            "return np.exp((low + high) / 2)",
            "return loss(np.exp(low))",
        ),
        "tries so few temperatures that the best one lies between two of them": """
def fit_temperature(logits, labels):
    return min(10 ** (np.arange(-3, 4) / 3), key=lambda t: F.cross_entropy(logits / t, labels))""",
        "tries no temperature below 1": ("np.log(0.1), np.log(10)", "0.0, np.log(10)"),
        "counts wrong answers in place of taking the loss": """
def fit_temperature(logits, labels):
    wrong = lambda t: (torch.argmax(logits / t, 1) != labels).sum()
    return min(np.geomspace(0.1, 10, 200), key=wrong)""",
        "applies the softmax twice": """
def fit_temperature(logits, labels):
    criterion, tried = nn.CrossEntropyLoss(), np.geomspace(0.1, 10, 301)
    losses = [criterion(torch.softmax(logits / t, dim=1), labels).item() for t in tried]
    return tried[np.argmin(losses)]""",
    },
}
