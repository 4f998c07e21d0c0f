"""seed -> drawn scenes: the built-in data set."""

import numpy as np
from PIL import Image, ImageDraw

from helpers.progress import progress

CLASS_NAMES = (
    "Bedroom", "Coast", "Forest", "Highway", "Industrial", "InsideCity", "Kitchen", "LivingRoom", "Mountain", "Office",
    "OpenCountry", "Store", "Street", "Suburb", "TallBuilding",
)  # fmt: skip
OVERSAMPLING = 2  # drawn at twice the size, then averaged: smooth edges
# Cells of film grain per side, at every size: so a scene looks alike at 64 and 224 px.
GRAIN = 128

# (1 - cos) / 2 in steps of 30 degrees.
_ARC = (0, 0.067, 0.25, 0.5, 0.75, 0.933, 1, 0.933, 0.75, 0.5, 0.25, 0.067)
SHAPES = {  # corners (x, y) in the unit square, y downwards
    "box": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "cone": ((0.15, 0), (0.85, 0), (1, 1), (0, 1)),
    "gable": ((0.5, 0), (1, 1), (0, 1)),
    "oval": tuple(zip(_ARC, _ARC[3:] + _ARC[:3])),
    "slab": ((0.12, 0), (1.12, 0), (1, 1), (0, 1)),
}
# Each part: shape; left, top, right, bottom from the middle of the foot, upwards, in % of the
# thing's width; how much lighter than the thing, in % (100 is white on any thing, -100 black).
THINGS = {
    "bed": """box -50 62 50 30 -25, cone -60 38 60 12 100, oval -40 46 -3 32 100, oval 3 46 40 32 80,
        cone -67 28 67 10 10, box -67 10 67 -10 0""",
    "bed from the side": """box -55 50 -48 0 -20, box 45 30 50 0 -20, slab -50 33 45 20 100, slab -20 34 46 20 10,
        oval -45 40 -20 25 100, box -50 20 -20 7 90, box -20 20 46 7 0""",
    "car": """cone -34 50 30 25 0, cone -28 46 24 25 -40, box -50 30 50 7 10, oval -42 16 -20 -2 -100,
        oval 20 16 42 -2 -100""",
    "chair": "box -5 80 5 0 0, gable -50 20 50 0 0, oval -55 85 55 55 -10, box -40 160 40 85 10",
    "chimney": "cone -50 800 50 0 0, box -36 780 36 720 100, box -38 660 38 600 80",
    "fir": "box -6 50 6 0 -10, gable -50 100 50 20 0, gable -40 130 40 60 5, gable -28 160 28 100 10",
    "gantry": "box -50 65 -47 0 0, box 47 65 50 0 0, box -50 65 50 62 0, box -32 72 8 54 10",
    "house": """box 15 68 25 40 -40, box -50 36 50 0 15, cone -56 62 56 34 -40, gable -50 56 2 34 20,
        box -40 22 -10 0 -25, box 0 25 10 0 -50, box 18 24 27 10 -50, box 34 24 43 10 -50""",
    "lamp": "box -5 200 5 0 -20, oval -40 10 40 -10 -10, cone -50 280 50 180 100",
    "person": "box -40 190 40 0 -20, oval -60 320 60 140 0, oval -30 380 30 310 30",
    "screen": """cone -30 25 30 0 -20, box -50 100 50 20 -10, box -43 92 43 28 50, slab -40 5 30 -10 40,
        slab 50 2 90 -12 100""",
    "sofa": """box -50 45 50 5 -10, box -42 42 -1 22 5, box 1 42 42 22 5, slab -44 26 40 20 20, box -44 20 44 5 0,
        slab -30 35 -18 23 -30, slab 15 35 27 23 50, box -55 30 -44 0 10, box 44 30 55 0 10""",
    "stove": """box -50 110 50 0 10, box -40 65 40 15 -70, box -40 95 40 80 -30, box -40 140 -5 110 -30,
        box 10 125 40 110 30, cone -55 290 55 230 -10""",
    "table": "box -46 50 -42 0 -10, box 42 50 46 0 -10, box 50 50 53 10 -20, slab -50 58 50 48 15, box -50 48 50 44 -5",
    "tank": "box -50 80 50 0 10, box -10 80 50 0 0, box 25 80 50 0 -10, oval -50 90 50 70 20",
    "tree": "cone -8 70 8 0 -10, oval -50 100 10 45 0, oval -10 100 50 50 3, oval -35 130 30 70 8",
}


def draw_mini_scenes(size=64, num_train=1500, num_val=750, seed=0):
    """Return (train_images, train_labels, val_images, val_labels), sorted by class.

    Images are uint8 (N, size, size), labels int64 (N,), as many of each class. Training has the
    even images of `draw_scene`, validation the odd ones, so neither depends on how many of the
    other are drawn.
    """
    labels = [np.sort(np.arange(num) % len(CLASS_NAMES)) for num in (num_train, num_val)]
    # They count 0, 1, 2, ... in each class.
    numbers = [np.arange(len(part)) - np.searchsorted(part, part) for part in labels]
    jobs = np.stack(
        (np.concatenate(labels), np.concatenate((2 * numbers[0], 2 * numbers[1] + 1))), axis=1
    )
    images = np.empty((len(jobs), size, size), np.uint8)
    bar = progress(jobs.tolist(), desc=f"Drawing scenes at {size} px", unit="image", delay=2)
    for (label, index), image in zip(bar, images):  # the bar first: it ends when the jobs do
        image[:] = draw_scene(CLASS_NAMES[label], seed, size, index)
    return images[:num_train], labels[0], images[num_train:], labels[1]


def draw_scene(class_name, seed, size=64, index=0):
    """Return image number `index` of a class in the data set of this seed: uint8 (size, size).

    It is the same on every machine. `size` changes the sharpness, not the scene. Raises ValueError
    for an unknown class.
    """
    if class_name not in CLASS_NAMES:
        raise ValueError(
            f'There is no class "{class_name}"; the classes are {", ".join(CLASS_NAMES)}.'
        )
    canvas = Canvas(np.random.default_rng((seed, CLASS_NAMES.index(class_name), index)), size)
    DRAWINGS[class_name](canvas)
    draw_foreground(canvas)
    return develop(canvas, size)


class Canvas:
    """A grey picture and its dice.

    Points are (x, y) from (0, 0), top left, to (1, 1); greys are 0 (black) to 1. A random view
    (mirrored or not, nearer, off centre, tilted) maps points to pixels: draw beyond the edges as
    well.
    """

    def __init__(self, rng, size):
        self.rng, pixels = rng, OVERSAMPLING * size
        self.image = Image.new("L", (pixels, pixels))
        self.pen = ImageDraw.Draw(self.image)
        zoom, tilt = self.between(1, 1.45), self.between(-0.08, 0.08)
        # The place of the scene's middle in the picture.
        x, y = (0.5 + self.between(-0.5, 0.5) * (zoom - 0.9) for _ in range(2))
        scale, flip = zoom * pixels, zoom * pixels * (-1 if self.chance(0.5) else 1)
        self.view_x = flip, -flip * tilt, x * pixels - 0.5 * flip * (1 - tilt)
        self.view_y = scale * tilt, scale, y * pixels - 0.5 * scale * (1 + tilt)

    def between(self, low, high):
        return low + (high - low) * self.rng.random()

    def chance(self, probability):
        return self.rng.random() < probability

    def count(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def numbers(self, *shape):
        """Return random numbers in 0..1 as (nested) lists, which are faster here than NumPy's."""
        return self.rng.random(shape).tolist()

    def scatter(self, low, high, *ranges):
        """Yield one random value from each range, a random number (low to high) of times."""
        for _ in range(self.count(low, high)):
            yield [self.between(*limits) for limits in ranges]

    def polygon(self, points, grey):
        (a, b, c), (d, e, f) = self.view_x, self.view_y
        pixels = [(round(a * x + b * y + c), round(d * x + e * y + f)) for x, y in points]
        self.pen.polygon(pixels, fill=min(255, max(0, int(255 * grey))))

    def shape(self, name, left, top, right, bottom, grey):
        width, height = right - left, bottom - top
        self.polygon([(left + width * x, top + height * y) for x, y in SHAPES[name]], grey)


def develop(canvas, size):
    """Return the canvas as uint8 (size, size), in random side light, contrast, grain, exposure."""
    grey = np.asarray(canvas.image.reduce(OVERSAMPLING), np.float32) - 128
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    light = canvas.between(-35, 35) * ramp + (canvas.between(-35, 35) * ramp)[:, None]
    grain = Image.fromarray(canvas.rng.integers(0, 256, (GRAIN, GRAIN), np.uint8))
    grain = np.asarray(grain.resize((size, size), Image.Resampling.BILINEAR), np.float32) - 128
    grey = (
        canvas.between(0.5, 1.15) * grey
        + light
        + canvas.between(0.05, 0.25) * grain
        + canvas.between(90, 165)
    )
    return np.clip(grey, 0, 255).astype(np.uint8)


# --- parts that scenes share ----------------------------------------------------------------------


def draw_thing(canvas, name, x, foot, width, low=0.1, high=0.9):
    """Draw one of THINGS, no two alike: its foot's middle at (x, foot), its grey in low..high."""
    grey, size = canvas.between(low, high), canvas.between(0.8, 1.25) * width / 100
    for part in THINGS[name].split(","):
        shape, *numbers = part.split()
        left, top, right, bottom, shade = map(int, numbers)
        edges = (
            x + left * width / 100,
            foot - top * size,
            x + right * width / 100,
            foot - bottom * size,
        )
        canvas.shape(shape, *edges, grey + shade / 100 + canvas.between(-0.08, 0.08))


def draw_gradient(canvas, top, bottom, top_grey, bottom_grey):
    for step in range(8):
        y, grey = (a + (b - a) * step / 8 for a, b in ((top, bottom), (top_grey, bottom_grey)))
        canvas.shape("box", -0.5, y, 1.5, bottom, grey)


def draw_blobs(canvas, x, y, width, height, grey, num_blobs, share=0.6, contrast=0.2):
    """A heap of ovals, each a share of the whole: a cloud, leaves, smoke, bushes."""
    for u, v, shade in canvas.numbers(num_blobs, 3):
        left, top = x + width * (u - 0.5 - share / 2), y + height * (v - 0.5 - share / 2)
        edges = left, top, left + share * width, top + share * height
        canvas.shape("oval", *edges, grey + contrast * (shade - v))


def draw_strokes(canvas, top, bottom, grey, num_strokes):
    """Level strokes, larger when nearer: grass, ripples, gravel."""
    length, contrast = canvas.between(0.03, 0.3), canvas.between(0.05, 0.3)
    for x, depth, shade in canvas.numbers(num_strokes, 3):
        left, y = 1.4 * x - 0.3, top + (bottom - top) * depth * depth
        edges = left, y, left + length * (0.3 + depth), y + 0.005 + 0.01 * depth
        canvas.shape("oval", *edges, grey + contrast * (2 * shade - 1))


def draw_ridge(canvas, base, height, grey, roughness):
    """Hills (roughness 0.2) or mountains (1); returns the outline's points, from left to right."""
    outline = [canvas.between(0, 1) for _ in range(4)]
    for level in range(3):  # put a point between every two, less and less off their middle
        middle = [
            (a + b) / 2 + roughness * canvas.between(-0.4, 0.4) / 2**level
            for a, b in zip(outline, outline[1:])
        ]
        outline = [y for pair in zip(outline, middle) for y in pair] + outline[-1:]
    points = [(i / 15 - 0.3, base - height * (0.3 + 0.7 * y)) for i, y in enumerate(outline)]
    canvas.polygon([(-0.3, base + 0.02), *points, (1.3, base + 0.02)], grey)
    return points


def rectangle(left, top, right, bottom):
    return (left, top), (right, top), (right, bottom), (left, bottom)


def receding(x, y, side, near, far, up, down):
    """Return the corners of a wall, left (side -1) or right (1), towards vanishing point (x, y)."""
    return tuple(
        (x + side * at, y + at * rise)
        for at, rise in ((near, -up), (far, -up), (far, down), (near, down))
    )


def draw_panel(canvas, corners, rows, columns, wall=(0.2, 0.85), cells=None, gap=None):
    """Draw a wall with cells, such as windows, doors or goods.

    A share `gap` of each cell is left free; greys come from the two ranges.
    """
    canvas.polygon(corners, canvas.between(*wall))
    low, high = cells or (canvas.between(0.05, 0.8), canvas.between(0.05, 0.8))
    gap = gap or canvas.between(0.15, 0.5)
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners
    for cell, shade in enumerate(canvas.numbers(rows * columns)):
        row, column = divmod(cell, columns)
        u, v, u_end, v_end = (
            (column + gap / 2) / columns,
            (row + gap / 2) / rows,
            (1 - gap) / columns,
            (1 - gap) / rows,
        )
        points = [
            (
                (1 - v) * (ax + u * (bx - ax)) + v * (dx + u * (cx - dx)),
                (1 - v) * (ay + u * (by - ay)) + v * (dy + u * (cy - dy)),
            )
            for u, v in rectangle(u, v, u + u_end, v + v_end)
        ]
        canvas.polygon(points, low + (high - low) * shade)


def draw_foreground(canvas):
    """Now and then, hide part of the scene by something near: a pole, a person, leaves."""
    x, grey = canvas.between(0, 1), canvas.between(0.05, 0.5)
    if canvas.chance(0.1):
        canvas.shape("box", x, -0.5, x + 0.04, 1.5, grey)
    if canvas.chance(0.1):
        draw_thing(canvas, "person", x, 1.15, 0.14, 0, 0.6)
    if canvas.chance(0.1):
        draw_blobs(canvas, x, canvas.between(-0.1, 1.1), 0.4, 0.25, grey, 8)


# --- indoors --------------------------------------------------------------------------------------


def draw_room(canvas, windows=1, pictures=2):
    """Draw a room with at most so many windows and pictures; return y of the floor's far edge."""
    left, right, floor = (
        canvas.between(-0.3, 0.2),
        canvas.between(0.8, 1.3),
        canvas.between(0.55, 0.7),
    )
    top, grey = canvas.between(-0.1, 0.15), canvas.between(0.4, 0.85)
    canvas.shape("box", -1, -1, 2, 2, grey - canvas.between(-0.1, 0.2))
    canvas.polygon(rectangle(left, top, right, floor), grey)
    canvas.polygon(
        ((left, top), (right, top), (right + 1, top - 1), (left - 1, top - 1)), grey + 0.12
    )
    canvas.polygon(
        ((left, floor), (right, floor), (right + 1, 1.4), (left - 1, 1.4)), canvas.between(0.2, 0.7)
    )
    for x, y, width in canvas.scatter(0, windows, (0, 0.7), (0.05, 0.2), (0.2, 0.4)):
        if canvas.chance(0.5):
            # Draw the curtains.
            draw_panel(canvas, rectangle(x - 0.08, y - 0.03, x + width + 0.08, y + 0.45), 1, 8)
        panes = canvas.count(1, 6), canvas.count(1, 3)
        draw_panel(canvas, rectangle(x, y, x + width, y + 0.28), *panes, cells=(0.85, 1), gap=0.15)
    for x, y, width in canvas.scatter(0, pictures, (0.05, 0.85), (0.12, 0.3), (0.1, 0.25)):
        draw_panel(canvas, rectangle(x, y, x + width, y + 0.15), 1, 1, (0, 0.9))
    return floor


def draw_bedroom(canvas):
    floor, x = draw_room(canvas), canvas.between(0.4, 0.6)
    for side in (-0.32, 0.32):
        if canvas.chance(0.65):
            draw_panel(
                canvas,
                rectangle(x + side - 0.07, floor - 0.05, x + side + 0.07, floor + 0.12),
                2,
                1,
                gap=0.1,
            )
            draw_thing(canvas, "lamp", x + side, floor - 0.05, canvas.between(0.06, 0.1))
    if canvas.chance(0.55):
        draw_thing(canvas, "bed", x, floor + 0.22, canvas.between(0.42, 0.6))
    else:
        draw_thing(canvas, "bed from the side", x, floor + 0.24, canvas.between(0.7, 0.95))


def draw_living_room(canvas):
    floor, x, grey = draw_room(canvas, 1, 3), canvas.between(0.35, 0.65), canvas.between(0.1, 0.9)
    for name, place, low, high in (("lamp", -0.38, 0.11, 0.16), ("tree", 0.4, 0.15, 0.3)):
        if canvas.chance(0.5):
            draw_thing(canvas, name, x + place, floor + 0.1, canvas.between(low, high), 0.1, 0.4)
    if canvas.chance(0.5):
        canvas.shape("oval", 0, floor + 0.1, 1, floor + 0.38, canvas.between(0.2, 0.9))  # a carpet
    draw_thing(canvas, "sofa", x, floor + 0.15, canvas.between(0.5, 0.7), grey, grey)
    if canvas.chance(0.4):
        draw_thing(canvas, "sofa", x + 0.5, floor + 0.25, 0.4, grey, grey)
    if canvas.chance(0.7):
        draw_thing(
            canvas, "table", canvas.between(0.3, 0.7), floor + 0.32, canvas.between(0.3, 0.45)
        )


def draw_kitchen(canvas):
    floor, split, grey = (
        draw_room(canvas, 1, 0) + 0.12,
        canvas.between(0.35, 0.6),
        canvas.between(0.2, 0.85),
    )
    counter, left, right = floor - 0.23, *((-0.2, split) if canvas.chance(0.5) else (split, 1.2))
    doors = {"wall": (grey - 0.3, grey - 0.1), "cells": (grey, grey + 0.1), "gap": 0.1}
    draw_panel(
        canvas, rectangle(-0.2, counter - 0.1, 1.2, counter), 3, 18, (0.6, 0.8), (0.6, 0.85), 0.1
    )
    draw_panel(canvas, rectangle(left, 0, right, counter - 0.18), 1, canvas.count(3, 5), **doors)
    draw_panel(
        canvas,
        rectangle(-0.2, counter, 1.2, floor),
        canvas.count(1, 2),
        canvas.count(5, 8),
        **doors,
    )
    canvas.shape("slab", -0.4, counter - 0.02, 1.2, counter + 0.015, canvas.between(0.3, 0.95))
    draw_thing(canvas, "stove", canvas.between(0.2, 0.7), floor, 0.19)
    if canvas.chance(0.5):
        draw_panel(
            canvas,
            rectangle(0.82, counter - 0.35, 1.1, floor + 0.05),
            2,
            1,
            cells=(0.5, 0.95),
            gap=0.04,
        )
    if canvas.chance(0.4):
        draw_thing(canvas, "table", canvas.between(0.2, 0.8), 1.1, canvas.between(0.4, 0.6))


def draw_office(canvas):
    floor = draw_room(canvas, 1, 1)
    for left, width in canvas.scatter(0, 1, (-0.1, 0.7), (0.2, 0.5)):
        books = rectangle(left, 0.1, left + width, floor)
        draw_panel(canvas, books, 4, canvas.count(5, 12), cells=(0.1, 0.8), gap=0.15)
    for row in range(canvas.count(1, 2)):
        x, foot, width = (
            canvas.between(0.3, 0.7),
            floor + 0.2 + 0.2 * row,
            canvas.between(0.6, 0.85),
        )
        draw_thing(canvas, "table", x, foot, width, 0.3)
        for side in (-0.18, 0.18)[: canvas.count(1, 2)]:
            draw_thing(
                canvas, "screen", x + side, foot - 0.5 * width, canvas.between(0.17, 0.25), 0.1, 0.8
            )
        draw_thing(
            canvas,
            "chair",
            x + canvas.between(-0.2, 0.2),
            foot + 0.05,
            canvas.between(0.14, 0.2),
            0.05,
            0.5,
        )


def draw_store(canvas):
    floor, x, y = draw_room(canvas, 0, 0), canvas.between(0.3, 0.7), canvas.between(0.3, 0.5)
    rows, columns, low = canvas.count(3, 5), canvas.count(6, 12), canvas.between(0, 0.4)
    goods = {"wall": (0.05, 0.95), "cells": (low, low + canvas.between(0.4, 0.6)), "gap": 0.18}
    for near in (0.5, 0.25, 0.12)[: canvas.count(0, 3)]:
        # Draw a lamp at the ceiling.
        canvas.shape("cone", x - 0.6 * near, y - near, x + 0.6 * near, y - 0.9 * near, 0.97)
    if canvas.chance(0.6):
        far = canvas.between(0.12, 0.25)
        draw_panel(canvas, rectangle(x - far, y - far, x + far, y + far), 3, 6, **goods)
        for side in (-1, 1):
            draw_panel(canvas, receding(x, y, side, 1, far, 0.8, 0.9), rows, columns, **goods)
    else:
        draw_panel(
            canvas, rectangle(-0.3, canvas.between(0, 0.15), 1.3, floor), rows, columns + 4, **goods
        )
        draw_panel(
            canvas,
            rectangle(x - 0.4, floor, x + canvas.between(0, 0.4), floor + 0.25),
            2,
            columns,
            **goods,
        )
    for x, nearness, width in canvas.scatter(0, 2, (0, 1), (0.15, 0.3), (0.07, 0.12)):
        draw_thing(canvas, "person", x, floor + nearness, width, 0, 0.6)


# --- outdoors -------------------------------------------------------------------------------------


def draw_outdoors(canvas, low, high, hills=0.0):
    """Draw sky, clouds, hills of at most this height, ground; return the horizon, in low..high."""
    horizon, ground = canvas.between(low, high), canvas.between(0.25, 0.65)
    sky = canvas.between(0.15, 0.4) if canvas.chance(0.15) else canvas.between(0.55, 0.9)
    draw_gradient(
        canvas, -0.5, horizon, sky - canvas.between(0, 0.25), sky + canvas.between(0, 0.1)
    )
    for x, y, width, shade in canvas.scatter(
        0, 3, (0, 1), (-0.1, horizon), (0.15, 0.5), (-0.1, 0.2)
    ):
        draw_blobs(canvas, x, y, width, width / 5, sky + shade, 5)
    draw_ridge(
        canvas,
        horizon + 0.01,
        canvas.between(0, hills),
        canvas.between(0.25, 0.6),
        canvas.between(0.2, 0.7),
    )
    draw_gradient(canvas, horizon, 1.5, ground + canvas.between(-0.1, 0.1), ground)
    draw_strokes(canvas, horizon, 1.1, ground, canvas.count(5, 50))
    return horizon


def draw_trees(canvas, horizon, num_trees, nearest=0.3):
    """Trees on the ground, far ones first."""
    for near in sorted(canvas.numbers(num_trees)):
        place = (
            canvas.between(-0.1, 1.1),
            horizon + 0.01 + nearest * near * near,
            0.05 + nearest * near,
        )
        draw_thing(canvas, "fir" if canvas.chance(0.35) else "tree", *place, 0.1, 0.4)


def draw_road(canvas, x, horizon, half_width, num_cars):
    """A road to the vanishing point (x, horizon), with lanes and cars."""
    depth, grey, lane = 1.3 - horizon, canvas.between(0.2, 0.6), canvas.between(-0.4, 0.4)
    # Each stripe: left, right, far, near, shade.
    stripes = [(-1, 1, 0, 1, 0), (-0.93, -0.9, 0, 1, 0.3), (0.9, 0.93, 0, 1, 0.3)]
    stripes += [
        (lane - 0.03, lane + 0.03, far, 1.35 * far, 0.5) for far in (0.08, 0.16, 0.3, 0.55, 0.9)
    ]
    for left, right, far, near, shade in stripes:
        corners = rectangle(left, far, right, near)
        canvas.polygon(
            [(x + u * v * half_width, horizon + v * depth) for u, v in corners], grey + shade
        )
    for near in sorted(canvas.between(0.12, 0.72) for _ in range(num_cars)):
        place = x + canvas.between(-0.6, 0.6) * half_width * near, horizon + depth * near
        draw_thing(canvas, "car", *place, 0.5 * half_width * near)


def draw_highway(canvas):
    horizon, x, half_width = (
        draw_outdoors(canvas, 0.35, 0.55, 0.2),
        canvas.between(0.3, 0.7),
        canvas.between(0.6, 1.1),
    )
    draw_trees(canvas, horizon, canvas.count(0, 6), 0.15)
    draw_road(canvas, x, horizon, half_width, canvas.count(0, 4))
    if canvas.chance(0.6):
        # Draw a crash barrier.
        canvas.polygon(receding(x, horizon, 1, 1.2, 0, -0.65, 0.72), canvas.between(0.6, 0.9))
    if canvas.chance(0.4):
        draw_thing(canvas, "gantry", x, horizon + 0.2, canvas.between(0.5, 0.7), 0.1, 0.4)


def draw_street(canvas):
    horizon, x, half_width = (
        draw_outdoors(canvas, 0.42, 0.6),
        canvas.between(0.3, 0.7),
        canvas.between(0.5, 0.9),
    )
    draw_road(canvas, x, horizon, half_width, canvas.count(1, 5))
    for side in (-1, 1):
        depth = canvas.between(0.8, 1.4)
        for far in (0.05 * depth, 0.1 * depth, 0.2 * depth, 0.4 * depth, 0.8 * depth):
            corners = receding(
                x, horizon, side, 2.1 * far, far, canvas.between(0.4, 1.1), canvas.between(0.5, 0.6)
            )
            draw_panel(canvas, corners, canvas.count(2, 5), canvas.count(2, 4))
        for near in sorted(canvas.numbers(canvas.count(0, 2))):
            draw_thing(
                canvas, "tree", x + 0.8 * side * near, horizon + 0.5 * near, 0.5 * near, 0.1, 0.4
            )


def draw_inside_city(canvas):
    base, slope, x = draw_outdoors(canvas, 0.7, 0.88), canvas.between(-0.15, 0.15), -0.4
    for width, top in canvas.scatter(6, 6, (0.25, 0.55), (-0.3, 0.3)):
        corners = (x, top), (x + width, top - slope), (x + width, base), (x, base)
        draw_panel(canvas, corners, canvas.count(3, 6), canvas.count(2, 5))
        shop, awning = (
            rectangle(x, base - 0.18, x + width, base),
            rectangle(x, base - 0.2, x + width, base - 0.13),
        )
        draw_panel(canvas, shop, 1, canvas.count(2, 4), cells=(0.1, 0.5))
        if canvas.chance(0.4):
            draw_panel(canvas, awning, 1, 8)
        x += width
    for name, size in (("person", 0.05), ("car", 0.3), ("tree", 0.3)):
        for x, y, width in canvas.scatter(
            0, 3, (0, 1), (base + 0.03, base + 0.12), (0.7 * size, 1.3 * size)
        ):
            draw_thing(canvas, name, x, y, width, 0.1, 0.6)


def draw_tall_building(canvas):
    base = draw_outdoors(canvas, 0.85, 1.2)
    for x, top, width in canvas.scatter(0, 5, (-0.2, 1), (0.3, 0.7), (0.1, 0.25)):
        draw_panel(
            canvas, rectangle(x, top, x + width, base), canvas.count(5, 9), canvas.count(2, 5)
        )
    for left, width, top, lean in canvas.scatter(
        1, 2, (0, 0.6), (0.2, 0.4), (-0.1, 0.3), (0, 0.12)
    ):
        right, side = left + width, canvas.between(0.05, 0.2)
        shade = (
            (right - lean, top),
            (right - lean + side, top + side / 2),
            (right + side, base),
            (right, base),
        )
        canvas.polygon(shade, canvas.between(0.1, 0.5))
        corners = (left + lean, top), (right - lean, top), (right, base), (left, base)
        draw_panel(canvas, corners, canvas.count(8, 16), canvas.count(3, 7))
    draw_trees(canvas, base, canvas.count(0, 3))


def draw_suburb(canvas):
    horizon, x = draw_outdoors(canvas, 0.45, 0.6, 0.1), canvas.between(0.35, 0.65)
    draw_trees(canvas, horizon, canvas.count(0, 6))
    for side in (-0.5, 0.5):
        if canvas.chance(0.5):
            draw_thing(
                canvas, "house", x + side, horizon + 0.1, canvas.between(0.3, 0.45), 0.4, 0.8
            )
    drive = x - 0.4, horizon + 0.15, x + canvas.between(-0.2, 0.1), 1.3
    canvas.shape("cone", *drive, canvas.between(0.5, 0.9))
    draw_thing(
        canvas,
        "house",
        x,
        horizon + canvas.between(0.12, 0.2),
        canvas.between(0.45, 0.7),
        0.4,
        0.85,
    )
    for bush, width, grey in canvas.scatter(0, 5, (0, 1), (0.08, 0.2), (0.15, 0.4)):
        draw_blobs(canvas, bush, horizon + 0.18, width, 0.08, grey, 5)
    if canvas.chance(0.3):
        draw_thing(canvas, "car", x - 0.25, horizon + 0.27, 0.25)


def draw_industrial(canvas):
    horizon = draw_outdoors(canvas, 0.6, 0.8)
    for x, width, drift, smoke in canvas.scatter(
        1, 4, (0, 1), (0.05, 0.08), (0.02, 0.09), (0.3, 1)
    ):
        draw_thing(canvas, "chimney", x, horizon, width, 0.1, 0.7)
        for puff in range(canvas.count(0, 6)):
            place = x + drift * puff, horizon - 8 * width - 0.04 * puff
            draw_blobs(canvas, *place, 0.08 + 0.03 * puff, 0.06 + 0.02 * puff, smoke, 3)
    for left, top in canvas.scatter(1, 3, (-0.2, 0.7), (horizon - 0.22, horizon - 0.08)):
        gables, grey = canvas.count(2, 5), canvas.between(0.1, 0.6)
        for gable in range(gables):
            canvas.shape(
                "gable", left + 0.1 * gable, top - 0.06, left + 0.1 * gable + 0.1, top, grey
            )
        hall = rectangle(left, top, left + 0.1 * gables, horizon + 0.02)
        draw_panel(canvas, hall, canvas.count(1, 3), canvas.count(3, 8))
    for x, width in canvas.scatter(0, 3, (0, 1), (0.15, 0.3)):
        draw_thing(canvas, "tank", x, horizon + 0.04, width, 0.4)


def draw_coast(canvas):
    horizon, shore, slope = (
        draw_outdoors(canvas, 0.25, 0.5, 0.15),
        canvas.between(0.6, 1.1),
        canvas.between(0, 0.4),
    )
    sea, sand = canvas.between(0.25, 0.6), canvas.between(0.5, 0.85)
    draw_gradient(canvas, horizon, 1.5, sea, sea + canvas.between(-0.15, 0.25))
    draw_strokes(canvas, horizon, shore, sea + 0.1, canvas.count(15, 60))
    canvas.polygon(((-0.5, shore + slope), (1.5, shore - slope), (1.5, 1.6), (-0.5, 1.6)), sand)
    # Draw foam along the shore and breakers farther out.
    for x, out, width in canvas.numbers(canvas.count(15, 50), 3):
        x, y = (
            1.4 * x - 0.3,
            shore + slope * (0.8 - 1.4 * x) - (0.04 if out < 0.6 else 0.3 * (out - 0.6)),
        )
        canvas.shape("oval", x, y, x + 0.1 + 0.2 * width, y + 0.025, 0.95)


def draw_open_country(canvas):
    horizon = draw_outdoors(canvas, 0.3, 0.6, 0.25)
    for x, depth, width, height in canvas.scatter(
        1, 4, (-0.3, 0.8), (0.03, 0.4), (0.3, 0.9), (0.05, 0.2)
    ):
        y = horizon + depth
        canvas.shape("cone", x, y, x + width, y + height, canvas.between(0.25, 0.8))  # a field
        # Draw its hedge.
        canvas.shape("box", x, y - 0.02, x + width, y + 0.005, canvas.between(0.1, 0.4))
    if canvas.chance(0.4):
        draw_ridge(canvas, 1.2, canvas.between(0.3, 0.6), canvas.between(0.3, 0.6), 0.2)
    draw_trees(canvas, horizon, canvas.count(0, 7), 0.35)


def draw_mountain(canvas):
    base, height, grey = (
        draw_outdoors(canvas, 0.6, 0.85),
        canvas.between(0.4, 0.75),
        canvas.between(0.3, 0.65),
    )
    for snow, roughness in canvas.scatter(1, 3, (0.4, 1.1), (0.5, 1)):
        outline = draw_ridge(canvas, base, height, grey, roughness)
        for (x, y), (next_x, next_y) in zip(outline[::2], outline[2::2]):
            face = (x, y), (next_x, next_y), (x + canvas.between(-0.1, 0.2), base)
            canvas.polygon(face, grey + canvas.between(-0.15, 0.1))
        below = [(x, max(y, base - height * snow + canvas.between(-0.05, 0.1))) for x, y in outline]
        canvas.polygon((*outline, *reversed(below)), 0.95)
        height, grey = 0.6 * height, grey - 0.1
    draw_gradient(canvas, base, 1.5, grey, grey + canvas.between(-0.1, 0.4))
    draw_trees(canvas, base, canvas.count(0, 10), 0.15)


def draw_forest(canvas):
    floor, grey, trunk = (
        draw_outdoors(canvas, 0.65, 0.95),
        canvas.between(0.15, 0.55),
        canvas.between(0, 0.5),
    )
    draw_blobs(canvas, 0.5, floor / 2 - 0.1, 1.6, floor + 0.2, grey, 60, 0.14, 0.4)
    for near in sorted(canvas.numbers(canvas.count(5, 16))):
        x, lean, foot = canvas.between(-0.2, 1.2), canvas.between(-0.08, 0.08), floor + 0.2 * near
        for half, shade in ((0.02 + 0.07 * near * near, 0), (0.01 + 0.02 * near * near, 0.12)):
            top = x + lean - half / 2, x + lean + half / 2
            canvas.polygon(
                ((top[0], -0.5), (top[1], -0.5), (x + half, foot), (x - half, foot)), trunk + shade
            )
    draw_blobs(canvas, 0.5, 0, 1.4, 0.9, grey, canvas.count(10, 40), 0.14, 0.5)


DRAWINGS = {
    "Bedroom": draw_bedroom, "Coast": draw_coast, "Forest": draw_forest, "Highway": draw_highway,
    "Industrial": draw_industrial, "InsideCity": draw_inside_city, "Kitchen": draw_kitchen,
    "LivingRoom": draw_living_room, "Mountain": draw_mountain, "Office": draw_office, "OpenCountry": draw_open_country,
    "Store": draw_store, "Street": draw_street, "Suburb": draw_suburb, "TallBuilding": draw_tall_building,
}  # fmt: skip
