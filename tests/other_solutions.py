"""Right solutions of every exercise, written another way, and wrong ones that are nearly right."""

RIGHT = {
    "running_mean_and_std": [
        """def running_mean_and_std(batches):
    n, total, squares, shift = 0, 0.0, 0.0, None
    for batch in batches:
        if shift is None:
            shift = float(batch[0])
        away = np.asarray(batch, dtype=np.float64) - shift
        n += away.size
        total += away.sum()
        squares += np.square(away).sum()
    mean = total / n
    return shift + mean, np.sqrt(squares / n - mean**2)""",
        """def running_mean_and_std(batches):
    n, mean, m2 = 0, 0.0, 0.0
    for batch in batches:
        for value in batch:
            n += 1
            step = value - mean
            mean += step / n
            m2 += step * (value - mean)
    return [torch.tensor(mean), torch.tensor(m2 / n).sqrt()]""",
    ],
    "standardise": [
        """def standardise(images, mean, std):
    grey = images.to(torch.float32).div(255.0)
    return grey.sub(mean).div(std)""",
        """def standardise(images, mean, std):
    return ((images.numpy() / 255.0 - mean) / std).astype(np.float32)""",
    ],
    "output_size": [
        """import math
def output_size(size, kernel_size, stride=1, padding=0):
    return math.floor((size - kernel_size + 2 * padding) / stride + 1)""",
        """def output_size(size, kernel_size, stride=1, padding=0):
    starts = np.arange(-padding, size + padding - kernel_size + 1, stride)
    return np.int64(len(starts))""",
    ],
    "num_conv_parameters": [
        """def num_conv_parameters(in_channels, out_channels, kernel_size):
    layer = nn.Conv2d(in_channels, out_channels, kernel_size)
    return sum(p.numel() for p in layer.parameters())""",
        """def num_conv_parameters(in_channels, out_channels, kernel_size):
    return np.prod([in_channels, out_channels, kernel_size, kernel_size]) + out_channels""",
    ],
    "build_deeper_net": [
        """def build_deeper_net():
    layers, channels = [], 1
    for wider, kernel_size in ((8, 5), (16, 5), (32, 3)):
        layers += [nn.Conv2d(channels, wider, kernel_size), nn.ReLU(), nn.MaxPool2d(2, 2)]
        channels = wider
    layers += [nn.Flatten(), nn.Linear(800, 64), nn.ReLU(), nn.Linear(64, 15)]
    return nn.Sequential(*layers)""",
    ],
    "log_sum_exp": [
        """def log_sum_exp(logits):
    m, _ = logits.max(dim=1)
    return m + torch.log(torch.sum(torch.exp(logits - m.unsqueeze(1)), 1))""",
        """def log_sum_exp(logits):
    z = logits.numpy().astype(np.float64)
    m = z.max(axis=1)
    return m + np.log(np.exp(z - m[:, None]).sum(axis=1))""",
    ],
    "cross_entropy": [
        """def cross_entropy(logits, labels, reduction="mean"):
    log_p = logits - torch.logsumexp(logits, 1, keepdim=True)
    total = -log_p[torch.arange(len(labels)), labels].sum()
    return total / len(labels) if reduction == "mean" else total""",
        """def cross_entropy(logits, labels, reduction="mean"):
    hot = torch.eye(logits.shape[1])[labels]
    losses = [torch.logsumexp(z, 0) - (z * h).sum() for z, h in zip(logits, hot)]
    return {"mean": np.mean, "sum": np.sum}[reduction]([l.item() for l in losses])""",
    ],
    "gradient_descent": [
        """def gradient_descent(start, learning_rate, num_steps):
    return [5 + (start - 5) * (1 - 2 * learning_rate) ** k for k in range(num_steps + 1)]""",
        """def gradient_descent(start, learning_rate, num_steps):
    w = torch.tensor(float(start), dtype=torch.float64, requires_grad=True)
    path = [w.item()]
    for _ in range(num_steps):
        (g,) = torch.autograd.grad(w**2 - 10 * w + 25, w)
        w = (w - learning_rate * g).detach().requires_grad_()
        path.append(w.item())
    return np.array(path)""",
    ],
    "sgd_step": [
        """def sgd_step(weight, gradient, velocity, learning_rate, momentum=0.0, weight_decay=0.0):
    weight, velocity = weight.clone(), velocity.clone()
    velocity.mul_(momentum).add_(gradient).add_(weight, alpha=weight_decay)
    weight.sub_(velocity, alpha=learning_rate)
    return weight, velocity""",
        """def sgd_step(weight, gradient, velocity, learning_rate, momentum=0.0, weight_decay=0.0):
    w, g, v = (t.numpy().astype(np.float64) for t in (weight, gradient, velocity))
    v = momentum * v + (g + weight_decay * w)
    return [torch.from_numpy(w - learning_rate * v), torch.from_numpy(v)]""",
    ],
    "accumulated_step": [
        """def accumulated_step(model, images, labels, optimizer, num_chunks):
    for p in model.parameters():
        p.grad = None
    losses = []
    for some in torch.arange(len(labels)).tensor_split(num_chunks):
        loss = F.cross_entropy(model(images[some]), labels[some]) * (len(some) / len(labels))
        loss.backward()
        losses.append(loss.detach())
    optimizer.step()
    return torch.stack(losses).sum()""",
        """def accumulated_step(model, images, labels, optimizer, num_chunks):
    optimizer.zero_grad()
    total = 0
    for k in range(num_chunks):
        x, y = images[k::num_chunks], labels[k::num_chunks]
        loss = F.cross_entropy(model(x), y, reduction="sum")
        (loss / labels.numel()).backward()
        total = total + loss.item()
    optimizer.step()
    return np.float64(total / labels.numel())""",
    ],
    "accuracy": [
        """def accuracy(model, batches):
    model.train(False)
    right = []
    for batch in batches:
        with torch.no_grad():
            right.append((model(batch.images).argmax(1) == batch.labels).numpy())
    return np.mean(np.concatenate(right))""",
        """def accuracy(model, batches):
    model.train(False)
    right = []
    for batch in batches:
        right += (model(batch.images).max(dim=1).indices == batch.labels).tolist()
    return np.mean(right)""",
        """def accuracy(model, batches):
    was = model.training
    model.eval()
    hits, count = torch.tensor(0.0), 0
    for batch in batches:
        hits += (model(batch.images).argmax(-1) == batch.labels).sum()
        count += batch.labels.shape[0]
    model.train(was)
    return hits / count""",
    ],
    "random_flip": [
        """def random_flip(images, p=0.5):
    result = images.clone()
    chosen = torch.bernoulli(torch.full((len(images),), p)).bool()
    result[chosen] = images[chosen].flip(-1)
    return result""",
        """def random_flip(images, p=0.5):
    rng = np.random.default_rng()
    return np.stack([i[..., ::-1] if rng.random() < p else i for i in images.numpy()])""",
    ],
    "random_light": [
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = torch.empty(len(images), 1, 1, 1).uniform_(1 - contrast, 1 + contrast)
    b = torch.empty(len(images), 1, 1, 1).uniform_(-brightness, brightness)
    return torch.addcmul(b, a, images)""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = np.random.uniform(1 - contrast, 1 + contrast, (len(images), 1, 1, 1))
    b = np.random.uniform(-brightness, brightness, (len(images), 1, 1, 1))
    return torch.from_numpy(a * images.numpy() + b)""",
    ],
    "dropout": [
        """def dropout(values, p, training):
    if training:
        mask = torch.bernoulli(torch.full(values.shape, 1 - p))
        values = values * mask / (1 - p)
    return values""",
        """def dropout(values, p, training):
    v = values.numpy()
    return np.where(np.random.rand(*v.shape) < p, 0.0, v / (1 - p)) if training else v""",
        """def dropout(values, p, training):
    return F.dropout(values, p, training)""",
    ],
    "prepare_for_fine_tuning": [
        """def prepare_for_fine_tuning(model, num_classes):
    for parameter in model.parameters():
        parameter.requires_grad = False
    *_, (name, old) = model.classifier.named_children()
    setattr(model.classifier, name, nn.Linear(old.weight.shape[1], num_classes))
    return model""",
        """def prepare_for_fine_tuning(model, num_classes):
    layers = list(model.classifier)
    layers[-1] = nn.Linear(layers[-1].in_features, num_classes)
    model.classifier = nn.Sequential(*layers)
    for name, p in model.named_parameters():
        p.requires_grad_(name.startswith(f"classifier.{len(layers) - 1}."))
    return model""",
    ],
    "affine_parameters": [
        """def affine_parameters(low, high):
    low, high = np.minimum(low, 0), np.maximum(high, 0)
    scale = np.float64(high - low) / 255
    return scale, np.int64(np.rint(-low / scale))""",
        """def affine_parameters(low, high):
    low, high = torch.tensor(low).clamp(max=0), torch.tensor(high).clamp(min=0)
    scale = (high - low) / 255
    return scale, (-low / scale).round().int()""",
    ],
    "quantise": [
        """def quantise(values, scale, zero_point):
    codes = np.round(np.asarray(values) / scale) + zero_point
    return np.clip(codes, 0, 255).astype(np.uint8)""",
        """def quantise(values, scale, zero_point):
    codes = torch.round(values / scale + zero_point)
    return torch.where(codes < 0, 0, torch.where(codes > 255, 255, codes)).byte()""",
    ],
    "dequantise": [
        """def dequantise(codes, scale, zero_point):
    return scale * codes.to(torch.float32) - scale * zero_point""",
        """def dequantise(codes, scale, zero_point):
    return (np.asarray(codes).astype(np.float32) - zero_point) * np.float32(scale)""",
    ],
    "confusion_matrix": [
        """def confusion_matrix(labels, predictions, num_classes):
    counts = np.zeros((num_classes, num_classes), dtype=int)
    for true, said in zip(labels, predictions):
        counts[true, said] += 1
    return counts""",
        """def confusion_matrix(labels, predictions, num_classes):
    hot = torch.eye(num_classes)
    return hot[labels].T @ hot[predictions]""",
    ],
    "distillation_loss": [
        """def distillation_loss(student_logits, teacher_logits, temperature):
    said = torch.log_softmax(student_logits / temperature, 1)
    wanted = torch.softmax(teacher_logits / temperature, 1)
    return nn.KLDivLoss(reduction="batchmean")(said, wanted) * temperature**2""",
        """def distillation_loss(student_logits, teacher_logits, temperature):
    s, t = student_logits / temperature, teacher_logits / temperature
    s = s - torch.logsumexp(s, dim=1, keepdim=True)
    t = t - torch.logsumexp(t, dim=1, keepdim=True)
    return temperature**2 * (t.exp() * (t - s)).sum() / len(s)""",
    ],
    "agreement": [
        """def agreement(first_logits, second_logits):
    same = first_logits.max(dim=1).indices.eq(second_logits.max(dim=1).indices)
    return float(same.sum()) / len(same)""",
        """def agreement(first_logits, second_logits):
    return np.mean(np.argmax(first_logits.numpy(), 1) == np.argmax(second_logits.numpy(), 1))""",
    ],
    "softmax_gradient": [
        """def softmax_gradient(logits, labels):
    slopes = torch.softmax(logits, 1).clone()
    slopes[torch.arange(len(labels)), labels] -= 1
    return slopes.div(logits.shape[0])""",
        """def softmax_gradient(logits, labels):
    z = logits.numpy().astype(np.float64)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True) - np.eye(z.shape[1])[labels.numpy()]) / len(z)""",
    ],
    "numerical_gradient": [
        """def numerical_gradient(function, values, step):
    result = torch.empty_like(values)
    for place in np.ndindex(*values.shape):
        move = torch.zeros_like(values)
        move[place] = step
        result[place] = (function(values + move) - function(values - move)) / step / 2
    return result""",
        """def numerical_gradient(function, values, step):
    moves = step * torch.eye(values.numel(), dtype=values.dtype).view(-1, *values.shape)
    slopes = [float(function(values + m)) - float(function(values - m)) for m in moves]
    return np.reshape(slopes, values.shape) / (2 * step)""",
    ],
    "backward": [
        """def backward(inputs, w1, b1, w2, upstream):
    grads = [torch.zeros_like(w1), torch.zeros_like(b1), torch.zeros_like(w2), 0]
    for x, g in zip(inputs, upstream):
        z = w1 @ x + b1
        d = w2.T @ g
        d[z <= 0] = 0
        grads[0] += torch.outer(d, x)
        grads[1] += d
        grads[2] += torch.outer(g, z.relu())
        grads[3] += g
    return grads""",
        """def backward(inputs, w1, b1, w2, upstream):
    x, w, b, v, g = (t.numpy() for t in (inputs, w1, b1, w2, upstream))
    h = np.maximum(x @ w.T + b, 0)
    d = np.where(h > 0, g @ v, 0)
    return np.einsum("nh,nd->hd", d, x), d.sum(0), np.einsum("nc,nh->ch", g, h), g.sum(0)""",
    ],
    "train_one_epoch": [
        """def train_one_epoch(model, batches, optimizer):
    model.train(True)
    losses = []
    for batch in batches:
        logits = model(batch.images)
        each = F.cross_entropy(logits, batch.labels, reduction="none")
        each.mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses += each.tolist()
    return np.mean(losses)""",
        """def train_one_epoch(model, batches, optimizer):
    model.train()
    criterion, total, seen = nn.CrossEntropyLoss(), torch.tensor(0.0), 0
    for b in batches:
        for p in model.parameters():
            p.grad = None
        loss = criterion(model(b.images), b.labels)
        loss.backward()
        optimizer.step()
        total = total + loss.detach() * b.images.shape[0]
        seen += b.images.shape[0]
    return total / seen""",
    ],
    "ImageFiles": [
        """from torchvision.transforms import v2
class ImageFiles(torch.utils.data.Dataset):
    def __init__(self, paths, labels):
        super().__init__()
        self.items = list(zip(paths, labels))
    def __len__(self):
        return len(self.items)
    def __getitem__(self, index):
        path, label = self.items[index]
        with Image.open(path) as image:
            return v2.functional.to_image(image.convert("L")).to(torch.float32) / 255, label""",
        """from torch.utils.data import Dataset
class ImageFiles(Dataset):
    def __init__(self, files, classes):
        self.files = [str(f) for f in files]
        self.classes = torch.as_tensor(classes)
    def __len__(self):
        return self.classes.shape[0]
    def __getitem__(self, i):
        grey = np.asarray(Image.open(self.files[i]).convert("L"), dtype=np.float32)
        return torch.tensor(grey / np.float32(255)).unsqueeze(0), self.classes[i]""",
    ],
    "get_data_augmentation_transforms": [
        """from torchvision import transforms as T
def get_data_augmentation_transforms(size, mean, std):
    return T.Compose([
        T.Lambda(lambda x: T.functional.to_pil_image(x) if torch.is_tensor(x) else x),
        T.Grayscale(num_output_channels=1), T.RandomHorizontalFlip(),
        T.RandomAffine(12, translate=(0.075, 0.075)), T.RandomResizedCrop(size, (0.5, 1)),
        T.ColorJitter(0.3, 0.3), T.ToTensor(), T.Normalize([mean], [std])])""",
        """from torchvision.transforms import v2
def get_data_augmentation_transforms(size, mean, std):
    steps = [v2.RandomHorizontalFlip(), v2.RandomRotation(12), v2.RandomAffine(0, (0.075, 0.075)),
             v2.RandomResizedCrop((size, size), (0.5, 1), (1, 1)), v2.ColorJitter(0.3, 0.3)]
    def transforms(picture):
        grey = v2.functional.to_grayscale(v2.functional.to_image(picture))
        for step in steps:
            grey = step(grey)
        return (grey.float() / 255 - mean) / std
    return transforms""",
    ],
    "SmallNetDropout": [
        """class SmallNetDropout(nn.Module):
    def __init__(self, num_classes=15, rate=0.5):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 8, 5), nn.Conv2d(8, 16, 3)
        self.fc1, self.fc2 = nn.Linear(1296, 40), nn.Linear(40, num_classes)
        self.rate = rate
    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 3)
        x = F.dropout(x.flatten(1), self.rate, self.training)
        return self.fc2(F.dropout(F.relu(self.fc1(x)), self.rate, self.training))""",
        """class SmallNetDropout(nn.Sequential):
    def __init__(self, num_classes=15, rate=0.5):
        layers, channels = [], 1
        for wider, side, pool in ((8, 5, 2), (16, 3, 3)):
            layers += [nn.Conv2d(channels, wider, side), nn.ReLU(), nn.MaxPool2d(pool)]
            channels = wider
        drop = nn.Dropout(rate)
        layers += [nn.Flatten(), drop, nn.Linear(1296, 40), nn.ReLU(), drop]
        super().__init__(*layers, nn.Linear(40, num_classes))""",
    ],
    "batch_norm": [
        """def batch_norm(values, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    kept = running_mean.clone(), running_var.clone()
    result = F.batch_norm(values, *kept, weight, bias, training, momentum, eps)
    return result, *kept""",
        """def batch_norm(values, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    x = values.numpy().transpose(0, 2, 3, 1)
    m, v = running_mean.numpy(), running_var.numpy()
    if training:
        flat = x.reshape(-1, x.shape[-1])
        now, spread = flat.mean(0), flat.var(0)
        m = m + momentum * (now - m)
        v = v + momentum * (flat.var(0, ddof=1) - v)
    else:
        now, spread = m, v
    x = (x - now) / np.sqrt(spread + eps) * weight.numpy() + bias.numpy()
    return x.transpose(0, 3, 1, 2), m, v""",
    ],
    "build_inverted_residual": [
        """class Block(nn.Module):
    def __init__(self, c, k, e):
        super().__init__()
        self.depthwise = nn.Conv2d(c, c, k, padding="same", groups=c, bias=False)
        self.norm1 = nn.BatchNorm2d(c)
        self.widen, self.norm2 = nn.Conv2d(c, e * c, 1, bias=False), nn.BatchNorm2d(e * c)
        self.back, self.norm3 = nn.Conv2d(e * c, c, 1, bias=False), nn.BatchNorm2d(c)
    def forward(self, x):
        y = F.relu(self.norm2(self.widen(self.norm1(self.depthwise(x)))))
        return self.norm3(self.back(y)) + x
def build_inverted_residual(channels, kernel_px=5, expansion=4):
    return Block(channels, kernel_px, expansion)""",
        """class AddInput(nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = layers
    def forward(self, values):
        return values + self.layers(values)
def build_inverted_residual(channels, kernel_px=5, expansion=4):
    plan = [(channels, channels, kernel_px, channels), (channels, expansion * channels, 1, 1)]
    layers = []
    for inside, outside, side, groups in [*plan, (expansion * channels, channels, 1, 1)]:
        conv = nn.Conv2d(inside, outside, side, 1, (side - 1) // 2, 1, groups, bias=False)
        layers += [conv, nn.BatchNorm2d(outside)]
    layers.insert(4, nn.ReLU(inplace=True))
    return AddInput(nn.Sequential(*layers))""",
    ],
    "standard_error": [
        """import math
def standard_error(values):
    mean = math.fsum(values) / len(values)
    return math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1) / len(values))""",
        """def standard_error(values):
    return torch.tensor(values, dtype=torch.float64).std() / np.sqrt(len(values))""",
    ],
    "paired_comparison": [
        """def paired_comparison(first, second):
    gaps = torch.tensor([a - b for a, b in zip(first, second)], dtype=torch.float64)
    return gaps.mean(), gaps.std() / len(gaps) ** 0.5""",
        """def paired_comparison(first, second):
    covariance = np.cov(first, second)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return [np.mean(first) - np.mean(second), np.sqrt(variance / len(first))]""",
    ],
    "int8_matmul": [
        """def int8_matmul(a_codes, b_codes, a_scale, a_zero_point, b_scale, b_zero_point):
    a, b = a_codes.long(), b_codes.long()
    sums = a @ b - b_zero_point * a.sum(1, keepdim=True) - a_zero_point * b.sum(0, keepdim=True)
    sums = sums + a.shape[1] * a_zero_point * b_zero_point
    return sums, sums.double() * a_scale * b_scale""",
        """def int8_matmul(a_codes, b_codes, a_scale, a_zero_point, b_scale, b_zero_point):
    a = a_codes.numpy().astype(np.int32) - a_zero_point
    b = b_codes.numpy().astype(np.int32) - b_zero_point
    sums = np.einsum("nk,km->nm", a, b)
    return sums, a_scale * b_scale * sums""",
    ],
    "fit_temperature": [
        """def fit_temperature(logits, labels):
    cold = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([cold], max_iter=60, line_search_fn="strong_wolfe")
    def closure():
        optimizer.zero_grad()
        loss = nn.CrossEntropyLoss()(logits.double() * cold.exp(), labels)
        loss.backward()
        return loss
    optimizer.step(closure)
    return 1 / cold.exp().item()""",
        """def fit_temperature(logits, labels):
    loss = lambda t: -(logits / t).log_softmax(1)[torch.arange(len(labels)), labels].mean()
    low, high = np.log(0.1), np.log(10)
    while high - low > 0.005:
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if loss(np.exp(left)) < loss(np.exp(right)) else (left, high)
    return np.exp((low + high) / 2)""",
    ],
}

WRONG = {
    "int8_matmul": [
        """def int8_matmul(a_codes, b_codes, a_scale, a_zero_point, b_scale, b_zero_point):
    a, b = a_codes.float() - a_zero_point, b_codes.float() - b_zero_point
    sums = (a @ b).to(torch.int32)
    return sums, sums * (a_scale * b_scale)""",
        """def int8_matmul(a_codes, b_codes, a_scale, a_zero_point, b_scale, b_zero_point):
    a, b = a_codes.int() - a_zero_point, b_codes.int() - b_zero_point
    return a @ b + 1, a @ b * (a_scale * b_scale)""",
    ],
    "running_mean_and_std": [
        """def running_mean_and_std(batches):
    n, total, squares = 0, 0.0, 0.0
    for batch in batches:
        n += len(batch)
        total += batch.sum()
        squares += (batch**2).sum()
    mean = total / n
    return mean, max(squares / n - mean**2, 0) ** 0.5""",
        """def running_mean_and_std(batches):
    n, mean, var = 0, 0.0, 0.0
    for batch in batches:
        total = n + len(batch)
        mean += (batch.mean() - mean) * len(batch) / total
        var += (batch.var() - var) * len(batch) / total
        n = total
    return mean, var ** 0.5""",
        """def running_mean_and_std(batches):
    n, mean, std = 0, 0.0, 0.0
    for batch in batches:
        total = n + len(batch)
        mean += (batch.mean() - mean) * len(batch) / total
        std += (batch.std() - std) * len(batch) / total
        n = total
    return mean, std""",
        """def running_mean_and_std(batches):
    n, mean, squares = 0, 0.0, 0.0
    for batch in batches:
        total = n + len(batch)
        mean += (batch.mean() - mean) * len(batch) / total
        squares += ((batch - mean) ** 2).sum()
        n = total
    return mean, (squares / n) ** 0.5""",
        """def running_mean_and_std(batches):
    values = np.concatenate(list(batches))
    return values.mean(), values.std(ddof=1)""",
        """def running_mean_and_std(batches):
    values = np.concatenate(list(batches))
    return values.mean(), np.sqrt(np.mean(np.abs(values-np.median(values))**2))""",
        """def running_mean_and_std(batches):
    m = [(b.mean(), b.var()) for b in batches]
    return np.mean([a for a, _ in m]), np.mean([v for _, v in m]) ** 0.5""",
        """def running_mean_and_std(batches):
    values = np.concatenate(list(batches)).astype(np.float32)
    return values.mean(), values.std()""",
    ],
    "log_sum_exp": [
        """def log_sum_exp(logits):
    m = logits.mean(dim=1, keepdim=True)
    return m[:, 0] + (logits - m).exp().sum(dim=1).log()""",
        """def log_sum_exp(logits):
    m = logits.amax(dim=1, keepdim=True)
    return m[:, 0] + ((logits - m).exp().sum(dim=1) + 1e-2).log()""",
        """def log_sum_exp(logits):
    return logits.amax(dim=1)""",
        """def log_sum_exp(logits):
    m = logits.abs().amax(dim=1, keepdim=True)
    return m[:, 0] + (logits - m).exp().sum(dim=1).log()""",
        """def log_sum_exp(logits):
    m = logits[:, :1]
    return m[:, 0] + (logits - m).exp().sum(dim=1).log()""",
        """def log_sum_exp(logits):
    m = logits.median(dim=1, keepdim=True).values
    return m[:, 0] + (logits - m).exp().sum(dim=1).log()""",
        """def log_sum_exp(logits):
    m = logits.amax(dim=1, keepdim=True)
    return m[:, 0] + torch.log1p((logits - m).exp().sum(dim=1))""",
        """def log_sum_exp(logits):
    m = logits.amin(dim=1, keepdim=True)
    return m[:, 0] + (logits - m).exp().sum(dim=1).log()""",
        """def log_sum_exp(logits):
    z = logits.double()
    m = z.mean(dim=1, keepdim=True)
    return m[:, 0] + (z - m).exp().sum(dim=1).log()""",
        """def log_sum_exp(logits):
    m = logits.max(dim=1, keepdim=True).values
    return m[:, 0] + (logits - m).clamp(-5).exp().sum(dim=1).log()""",
        """def log_sum_exp(logits):
    m = logits.max()
    return m + (logits.double() - m).exp().sum(dim=1).log()""",
    ],
    "random_light": [
        """def random_light(images, brightness=0.3, contrast=0.3):
    r = 2 * torch.rand(len(images), 1, 1, 1) - 1
    return (1 + contrast * r) * images + brightness * r""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + contrast * (2 * torch.rand(len(images), images.shape[1], 1, 1) - 1)
    b = brightness * (2 * torch.rand(len(images), images.shape[1], 1, 1) - 1)
    return a * images + b""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + contrast * (2 * torch.randint(0, 2, (len(images), 1, 1, 1)) - 1)
    b = brightness * (2 * torch.randint(0, 2, (len(images), 1, 1, 1)) - 1)
    return a * images + b""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + (contrast * torch.randn(len(images), 1, 1, 1)).clamp(-contrast, contrast)
    b = (brightness * torch.randn(len(images), 1, 1, 1)).clamp(-brightness, brightness)
    return a * images + b""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + contrast * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    b = brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    return (a * images + b).clamp(0, 1)""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + contrast * torch.rand(len(images), 1, 1, 1)
    b = brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    return a * images + b""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + contrast * (2 * torch.rand(1) - 1)
    b = brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    return a * images + b""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + contrast * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    b = brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    return a * (images - images.mean()) + images.mean() + b""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    torch.manual_seed(0)
    a = 1 + contrast * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    b = brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    return a * images + b""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + contrast * (torch.rand(len(images), 1, 1, 1) + torch.rand(len(images), 1, 1, 1) - 1)
    b = brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    return a * images + b""",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + contrast * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    b = brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    images *= a
    images += b
    return images.clone()""",
    ],
    "sgd_step": [
        """def sgd_step(weight, gradient, velocity, learning_rate, momentum=0.0, weight_decay=0.0):
    velocity.mul_(momentum).add_(gradient).add_(weight, alpha=weight_decay)
    weight.sub_(velocity, alpha=learning_rate)
    return weight.clone(), velocity.clone()""",
    ],
    "output_size": [
        """def output_size(size, kernel_size, stride, padding):
    return (size + 2 * padding - kernel_size) // stride + 1""",
        """def output_size(size, kernel_size, stride=1, padding=0):
    return float((size + 2 * padding - kernel_size) // stride + 1)""",
    ],
    "standardise": [
        """def standardise(images, mean, std):
    return (images.double() / 255 - mean) / std""",
    ],
    "accumulated_step": [
        """def accumulated_step(model, images, labels, optimizer, num_chunks):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()""",
    ],
    "random_flip": [
        """def random_flip(images, p=0.5):
    chosen = torch.rand(len(images)) < p
    images[chosen] = images[chosen].flip(3)
    return images.clone()""",
    ],
    "dropout": [
        """def dropout(values, p, training):
    torch.manual_seed(0)
    return values * (torch.rand_like(values) >= p) / (1 - p) if training else values""",
        """def dropout(values, p, training):
    if not training: return values
    values *= (torch.rand_like(values) >= p) / (1 - p)
    return values.clone()""",
    ],
    "quantise": [
        """def quantise(values, scale, zero_point):
    return ((values / scale).round() + zero_point).clamp(0, 255)""",
    ],
    "softmax_gradient": [
        """def softmax_gradient(logits, labels):
    leaf = logits.clone().requires_grad_()
    F.cross_entropy(leaf, labels).backward()
    return leaf.grad""",
        """def softmax_gradient(logits, labels):
    e = logits.exp()
    return (e / e.sum(1, keepdim=True) - F.one_hot(labels, logits.shape[1])) / len(labels)""",
    ],
    "backward": [
        """def backward(inputs, w1, b1, w2, upstream):
    leaves = [t.clone().requires_grad_() for t in (w1, b1, w2, upstream.sum(0))]
    out = F.linear(F.linear(inputs, *leaves[:2]).relu(), leaves[2], leaves[3])
    return torch.autograd.grad(out, leaves, upstream)""",
    ],
    "numerical_gradient": [
        """def numerical_gradient(function, values, step):
    leaf = values.clone().requires_grad_()
    return torch.autograd.grad(function(leaf), leaf)[0]""",
    ],
    "get_data_augmentation_transforms": [
        """def get_data_augmentation_transforms(size, mean, std):
    return v2.Compose([v2.ToImage(), v2.Grayscale(), v2.Resize((size, size)), v2.ToDtype(torch.float32, scale=True), v2.Normalize([mean], [std])])""",
    ],
}
