"""Mistakes in Part 6: flips and light at random, and the whole pipeline."""

from functools import partial

from helpers.grader.mistakes.mistake import PLACE, Mistake

_flip = partial(Mistake, "random_flip")
_light = partial(Mistake, "random_light")
_SEED = "What do the draws look like after the same seed, in every call?"
_PLACE = "What does an operator like `*=`, or an assignment to `images[...]`, do to what came in?"

_transforms = partial(Mistake, "get_data_augmentation_transforms")

MISTAKES = [
    _flip(
        "torch.rand(len(images)) < p",
        "torch.rand(1).expand(len(images)) < p",
        "draws once for the whole batch",
        "How many random numbers do you need, if each image has its own luck?",
    ),
    _flip(
        "images.flip(3)",
        "images.flip(2)",
        "turns pictures upside down",
        "The axes are batch, channel, row, column. Along which of them does left become right?",
    ),
    _flip(
        "< p",
        "> p",
        "mirrors with probability 1 - p",
        "How often is a random number between 0 and 1 below 0.25?",
    ),
    _flip(
        "< p",
        "< 0.5",
        "mirrors every second image, whatever p says",
        "Which argument did you not use?",
    ),
    _flip(
        "torch.where(chosen[:, None, None, None], images.flip(3), images)",
        "images.flip(3)",
        "mirrors every image",
        "Where does chance come in?",
    ),
    _flip(
        "    return torch.where(chosen[:, None, None, None], images.flip(3), images)",
        "    images[chosen] = images[chosen].flip(3)\n    return images",
        "changes the images that came in",
        _PLACE,
    ),
    _flip(
        "    chosen",
        "    torch.manual_seed(0)\n    chosen",
        "sets a seed inside",
        _SEED,
    ),
    _flip(
        "torch.where(chosen[:, None, None, None], images.flip(3), images)",
        "images[chosen].flip(3)",
        "returns only some of the images",
        "What should become of those that are not mirrored?",
        by=PLACE,
    ),
    _light(
        "a = 1 + contrast * (2 * torch.rand(len(images), 1, 1, 1) - 1)",
        "a = 1 + contrast * (2 * torch.rand(1, 1, 1, 1) - 1)",
        "draws one factor for the whole batch",
        "How many factors do you need, if each image has its own?",
    ),
    _light(
        "b = brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)",
        "b = brightness * (2 * torch.rand(1, 1, 1, 1) - 1)",
        "draws one brightness for the whole batch",
        "How many shifts do you need, if each image has its own?",
    ),
    _light(
        "a * images + b",
        "a * (images + b)",
        "multiplies what it adds by the factor, too",
        "In a x + b, what is multiplied by a?",
    ),
    _light(
        "brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)",
        "brightness * torch.rand(len(images), 1, 1, 1)",
        "only ever makes pictures brighter",
        "`torch.rand` lies between 0 and 1. How do you stretch that to -1 up to 1?",
    ),
    _light(
        "1 + contrast * (2 * torch.rand(len(images), 1, 1, 1) - 1)",
        "1 + contrast * torch.rand(len(images), 1, 1, 1)",
        "only ever raises the contrast",
        "`torch.rand` lies between 0 and 1. How do you stretch that to -1 up to 1?",
    ),
    _light(
        "",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + contrast * (torch.rand(len(images), 1, 1, 1) - 0.5)
    b = brightness * (torch.rand(len(images), 1, 1, 1) - 0.5)
    return a * images + b""",
        "reaches only half as far as it should",
        "From where to where does `torch.rand(...) - 0.5` go? And ± `brightness`?",
    ),
    _light(
        "",
        """def random_light(images, brightness=0.3, contrast=0.3):
    a = 1 + brightness * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    b = contrast * (2 * torch.rand(len(images), 1, 1, 1) - 1)
    return a * images + b""",
        "takes contrast for brightness",
        "Which of the two multiplies, and which is added?",
    ),
    _light(
        "a = 1 + contrast",
        "a = contrast",
        "multiplies by a factor around 0",
        "Which factor changes nothing? The draws should lie around that one.",
    ),
    _light(
        "a * images + b",
        "(a * images + b).clamp(0, 1)",
        "cuts off what leaves the range from 0 to 1",
        "Does the text ask for that? In the pipeline the images have been normalised before.",
    ),
    _light(
        "",
        """def random_light(images, brightness=0.3, contrast=0.3):
    draw = 2 * torch.rand(len(images), 1, 1, 1) - 1
    return (1 + contrast * draw) * images + brightness * draw""",
        "uses one draw for both amounts",
        "Then a picture that gets brighter always gets more contrast. How many draws does an image need?",
    ),
    _light(
        "len(images), 1, 1, 1",
        "*images.shape[:2], 1, 1",
        "draws anew inside an image",
        "One pair for each image: along which axes should the draws have size 1?",
    ),
    _light(
        "    return a * images + b",
        "    images *= a\n    images += b\n    return images.clone()",
        "changes the images that came in",
        _PLACE,
    ),
    _light(
        "    a = 1",
        "    torch.manual_seed(0)\n    a = 1",
        "sets a seed inside",
        _SEED,
    ),
    _transforms(
        "v2.RandomHorizontalFlip(p=0.5)",
        "v2.RandomVerticalFlip(p=0.5)",
        "mirrors up and down",
        "Where is the sky in your pictures?",
        by=PLACE,
    ),
    _transforms(
        "light, *to_float",
        "*to_float, light",
        "changes the light after normalising",
        "What does brightness mean for numbers below 0?",
        by=PLACE,
    ),
    _transforms(
        "scale=True",
        "scale=False",
        "leaves grey levels as they are, up to 255",
        "From which range of numbers do the mean and the deviation come?",
        by=PLACE,
    ),
    _transforms(
        "scale=(0.5, 1.0), ",
        "",
        "cuts crops that are too small, as the library does by default",
        "How small may a crop become? Look at the default in the documentation.",
        by=PLACE,
    ),
    _transforms(
        ", v2.Normalize([mean], [std])",
        "",
        "never normalises",
        "What are the last two arguments for?",
        by=PLACE,
    ),
    _transforms(
        "v2.Grayscale(), ",
        "",
        "leaves pictures in colour as they are",
        "How many channels does a picture in colour have?",
    ),
    _transforms(
        ", contrast=0.3",
        "",
        "changes the brightness alone",
        "Which two things should happen to the light?",
        by=PLACE,
    ),
    _transforms(
        "degrees=12",
        "degrees=0",
        "never turns a picture",
        "What did you give as the largest angle?",
        by=PLACE,
    ),
    _transforms(
        "v2.RandomResizedCrop(size, scale=(0.5, 1.0), ratio=(1.0, 1.0), antialias=True)",
        "v2.Resize((size, size))",
        "scales the whole picture and never cuts a crop",
        "How do pictures look that were taken from nearer?",
        by=PLACE,
    ),
]
