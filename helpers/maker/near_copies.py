"""pretraining images + scenes -> the pretraining images that show a scene, also in part.

A network must not have seen the images that it is compared on. Two pictures with the same details in
the same arrangement are one picture, or parts of one. Details are SIFT's (Lowe, 2004, in OpenCV): they
survive cropping, scaling and changes of light. Pairs to look at are proposed by a network's features.
"""

import cv2
import joblib
import numpy as np
import torch
import torch.nn.functional as F

from helpers.crops import random_crops
from helpers.efficientnet import make_efficientnet
from helpers.progress import progress
from helpers.sources.efficientnet_weights import load_efficientnet
from helpers.training import autocast

NUM_PARTS = 4  # of each image, whose features are compared
PART_PX = 160  # side of such a part as the network sees it
MIN_AREA = 0.2  # of the smallest part, as a share of the image
SIDE_PX = 256
NUM_DETAILS = 150  # at most, of an image
NUM_LIKELY = 30  # scenes that each image is compared with
ENOUGH = 8  # details in common from which two images count as copies


def near_copies(images, scenes):
    """Return (counts (N,), scenes (N,)): the details that each image has in common with a scene.

    Of the scenes whose features are most like the image's, the one with the most is named. From
    ENOUGH details on, two images count as copies. Both are uint8 (N, 1, H, W).
    """
    network = make_efficientnet(load_efficientnet()[0]).eval()
    likely = most_alike(features_of_parts(network, images), features_of_parts(network, scenes))
    both = [[details(scene), details(scene[:, ::-1])] for scene in squares(scenes)]
    work = zip(squares(images), likely.tolist())
    rows = joblib.Parallel(n_jobs=-1, prefer="threads", return_as="generator")(
        joblib.delayed(most_in_common)(image, which, both) for image, which in work
    )
    bar = progress(rows, total=len(images), desc="Comparing", unit="image")
    counts, which = zip(*bar)
    return torch.tensor(counts), torch.tensor(which)


@torch.inference_mode()
def features_of_parts(network, images):
    """Return the features (N, V, 1280) of V parts of each image, large and small."""
    torch.manual_seed(0)
    rows = []
    for batch in progress(images.split(64), desc="Features", unit="batch"):
        parts = [random_crops(batch.float(), PART_PX, MIN_AREA) for _ in range(NUM_PARTS)]
        with autocast("cpu"):
            values = [network.features(network.prepare(part)) for part in parts]
        rows.append(torch.stack([v.float().mean((2, 3)) for v in values], dim=1))
    return torch.cat(rows)


def most_alike(image_features, scene_features):
    """Return the NUM_LIKELY scenes whose features are nearest to those of an image: (N, K)."""
    best = torch.full((len(image_features), len(scene_features)), -1.0)
    images_of, scenes_of = (
        F.normalize(features.float(), dim=2).unbind(dim=1)
        for features in (image_features, scene_features)
    )
    for images in images_of:
        for scenes in scenes_of:
            torch.maximum(best, images @ scenes.T, out=best)
    return best.topk(min(NUM_LIKELY, best.shape[1]), dim=1).indices


def squares(images):
    """Yield images as OpenCV takes them: uint8 (SIDE_PX, SIDE_PX)."""
    for image in images:
        yield cv2.resize(image[0].numpy(), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)


def details(square):
    """Return (places (P, 2) in pixels, descriptors (P, 128)) of an image's details."""
    points, descriptors = cv2.SIFT_create(NUM_DETAILS).detectAndCompute(square, None)
    places = np.array([point.pt for point in points], np.float32).reshape(-1, 2)
    return places, descriptors


def most_in_common(square, which, both):
    """Return (details in common, scene) of the scene among `which` that has the most."""
    own = details(square)
    return max((num_in_common(own, scene), index) for index in which for scene in both[index])


def num_in_common(first, second):
    """Return how many details two images have in common, moved, turned and scaled alike."""
    (places_a, a), (places_b, b) = first, second
    if a is None or b is None or len(a) < 4 or len(b) < 4:
        return 0
    matches = cv2.BFMatcher().knnMatch(a, b, k=2)
    clear = [m for m, other in matches if m.distance < 0.8 * other.distance]
    if len(clear) < 4:
        return 0
    start = places_a[[m.queryIdx for m in clear]]
    end = places_b[[m.trainIdx for m in clear]]
    _, agree = cv2.estimateAffine2D(start, end, ransacReprojThreshold=4.0)
    # Many details at one place of the other image are one detail.
    return 0 if agree is None else len(np.unique(end[agree[:, 0] == 1].round(), axis=0))
