"""network -> bytes: what it makes of a few pictures, while it learns."""

import torch

from helpers.data import CLASS_NAMES

NUM_SHOWN = 10  # kernels and maps: SimpleNet's first layer has ten


class Insight:
    """Seven pictures and what a network makes of them: one's feature maps, six answers.

    `images` (N, 1, H, W) are uint8, `normalised` the same as the network takes them. The six are of
    six classes, chosen by the seed; the first of them is also the one whose maps are shown.
    """

    def __init__(self, images, normalised, labels, seed=0, class_names=CLASS_NAMES):
        generator = torch.Generator().manual_seed(seed)
        first_of = {labels[i].item(): i for i in torch.randperm(len(labels), generator=generator)}
        index = torch.stack(list(first_of.values())[:6])
        self.images, self.normalised = images[index, 0], normalised[index]
        self.labels, self.class_names = labels[index], class_names

    def pictures(self):
        """Return (description, bytes) of the pictures: (6, H, W) grey levels and their classes."""
        names = [self.class_names[label] for label in self.labels]
        return {"shape": list(self.images.shape), "names": names}, to_bytes(self.images)

    @torch.inference_mode()
    def look(self, model):
        """Return (description, [bytes of kernels, bytes of maps]); the model trains on as it was.

        Kernels are scaled so that 128 is zero, each map from its lowest to its highest value.
        """
        was_training, first = model.training, model.conv_layers[0]
        model.eval()
        images = self.normalised.to(first.weight.device)
        maps = first(images[:1])[0, :NUM_SHOWN].float().relu()  # (10, 60, 60)
        probabilities = model(images).float().softmax(dim=1).cpu()  # (6, num_classes)
        model.train(was_training)
        kernels = first.weight.detach()[:NUM_SHOWN, 0].float()  # (10, 5, 5)
        sure, answers = probabilities.max(dim=1)
        description = {
            "kernels": list(kernels.shape),
            "maps": list(maps.shape),
            "answers": [self.class_names[answer] for answer in answers],
            "right": (answers == self.labels).tolist(),
            "sure": [round(p, 3) for p in sure.tolist()],
        }
        limit = kernels.abs().max()
        return description, [to_bytes(128 + 127 * kernels / limit), to_bytes(stretch(maps))]


def stretch(maps):
    """Return maps (C, H, W), each from 0 to 255."""
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    return 255 * (maps - low) / (high - low).clamp_min(1e-6)


def to_bytes(levels):
    """Return numbers from 0 to 255 as bytes, one each."""
    return levels.nan_to_num().clamp(0, 255).round().to(torch.uint8).cpu().numpy().tobytes()
