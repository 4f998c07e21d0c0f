"""exercise -> raise or one line: the checks of EC2, on quantization."""

import torch
from torch.ao.quantization import MinMaxObserver

from helpers.exercises.checks.calls import tuple_of
from helpers.exercises.checks.diagnosis import knows_mistakes
from helpers.exercises.checks.kinds import is_whole
from helpers.exercises.checks.tools import compare, expect, pair, passed, tensor
from helpers.exercises.hints import hint as hint


@knows_mistakes("affine_parameters")
def check_affine_parameters(function, top=255):
    """Check (low, high) -> (scale, zero_point), against torch.ao.quantization's MinMaxObserver.

    `top` is the highest code.
    """
    for low, high in ((-1.0, 3.0), (0.0, 6.0), (-0.02, 0.01), (2.0, 5.0), (-7.0, -3.0)):
        scale, zero_point = pair("affine_parameters", function(low, high), "scale and zero point")
        observer = MinMaxObserver(torch.quint8, quant_min=0, quant_max=top)
        observer(torch.tensor([low, high]))
        expected_scale, expected_zero_point = observer.calculate_qparams()
        what = f"of the range {low:g} to {high:g}"
        if low > 0 or high < 0:
            what += " (0 itself must have a code)"
        compare(f"scale {what}", scale, expected_scale.item())
        expect(
            is_whole(zero_point),
            f"zero point: expected an int, got {type(zero_point).__name__}.",
        )
        compare(f"zero point {what}", zero_point, expected_zero_point.item(), tolerance=0)
    passed("affine_parameters")


@knows_mistakes("quantise")
def check_quantise(function, top=255):
    """Compare the uint8 codes, 0..top, with those of torch.fake_quantize_per_tensor_affine."""
    values = torch.tensor([[-9.0, -1.0, -0.26, 0.0], [0.26, 0.74, 2.9, 60.0]])
    for scale, zero_point in ((0.5, 10), (0.02, 128)):
        codes = tensor("codes", function(values, scale, zero_point))
        expect(codes.dtype == torch.uint8, f"codes: expected torch.uint8, got {codes.dtype}.")
        rounded = torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, top)
        expected = (rounded / scale + zero_point).round()
        compare(f"codes at scale {scale:g}, zero point {zero_point}", codes, expected, tolerance=0)
    passed("quantise")


@knows_mistakes("dequantise")
def check_dequantise(function):
    """Check (codes, scale, zero_point) -> values, against torch.fake_quantize_per_tensor_affine."""
    codes = torch.arange(0, 252, 21, dtype=torch.uint8).view(3, 4)
    for scale, zero_point in ((0.05, 30), (0.013, 100)):
        values = scale * (codes.double() - zero_point)
        # Quantising the dequantised codes once more does not change them.
        expected = torch.fake_quantize_per_tensor_affine(values, scale, zero_point, 0, 255)
        compare(
            f"values at scale {scale:g}, zero point {zero_point}",
            function(codes, scale, zero_point),
            expected,
        )
    passed("dequantise")


@knows_mistakes("int8_matmul")
def check_int8_matmul(function):
    """Compare with PyTorch's product of the codes in 64 bits: the sums exactly, the values nearly.

    The sums of 4,096 products are larger than the whole numbers that a float32 holds exactly.
    """
    generator = torch.Generator().manual_seed(11)
    for depth, a_zero_point, b_zero_point in ((7, 60, 128), (600, 0, 3), (4096, 0, 0)):
        given = (0.05, a_zero_point), (0.2, b_zero_point)
        a, b = [
            torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
            for shape in ((4, depth), (depth, 5))
        ]
        expected = (a.long() - a_zero_point) @ (b.long() - b_zero_point)
        parts = "the sums", "the values"
        got = tuple_of("int8_matmul", function(a, b, *given[0], *given[1]), parts)
        sums, values = [tensor(part, result) for part, result in zip(parts, got)]
        reason = f"the sums: expected whole numbers, torch.int32 or torch.int64, got {sums.dtype}."
        expect(sums.dtype in (torch.int32, torch.int64), reason)
        case = f"of {depth} products each, zero points {a_zero_point} and {b_zero_point}"
        compare(f"the sums {case}", sums, expected, tolerance=0)
        compare(f"the values {case}", values, expected * (0.05 * 0.2))
    passed("int8_matmul")
