"""Mistakes in EC2: scale and zero point, codes, and back, and a product of codes."""

from functools import partial

from helpers.grader.mistakes.mistake import PLACE, Mistake

_range = partial(Mistake, "affine_parameters")
_code = partial(Mistake, "quantise")
_back = partial(Mistake, "dequantise")
_matmul = partial(Mistake, "int8_matmul")

MISTAKES = [
    _range(
        "min(low, 0.0), max(high, 0.0)",
        "low, high",
        "takes the range as it is, even where 0 lies outside",
        "Which code stands for exactly 0? Padding and ReLU need one.",
    ),
    _range(
        "/ 255",
        "/ 256",
        "divides by the number of codes",
        "From code 0 to code 255, how many steps are there?",
    ),
    _range(
        "round(-low / scale)",
        "round(low / scale)",
        "has the wrong sign in the zero point",
        "Can a code be negative?",
    ),
    _range(
        "round(-low / scale)",
        "int(-low / scale)",
        "cuts off the zero point in place of rounding it",
        "Which whole number is nearest to 63.75?",
    ),
    _range(
        "round(-low / scale)",
        "-low / scale",
        "returns a zero point that is no whole number",
        "The zero point is a code. What kind of number is a code?",
    ),
    _range(
        "round(-low / scale)",
        "round(high / scale)",
        "counts the zero point from the highest value",
        "Which value has code 0? How many steps up from there is 0?",
    ),
    _range(
        "return scale, round(-low / scale)",
        "return round(-low / scale), scale",
        "returns the zero point first",
        "In which order does the docstring name them?",
    ),
    _range(
        "(high - low) / 255",
        "max(-low, high) / 127",
        "makes the range symmetric around 0",
        "Which codes are then never used, for a range from -1 to 3?",
    ),
    _range(
        "round(-low / scale)",
        "round(-low)",
        "forgets to count the zero point in steps",
        "How many steps of size `scale` lie between the lowest value and 0?",
    ),
    _code(
        ".clamp(0, 255)",
        "",
        "lets codes leave the range",
        "What does a byte make of -8, and of 300?",
    ),
    _code(
        ".round()",
        "",
        "cuts off in place of rounding",
        "Which code is nearest to 10.9?",
    ),
    _code(
        " + zero_point",
        "",
        "forgets the zero point",
        "Which code should the value 0 get?",
    ),
    _code(
        ".to(torch.uint8)",
        "",
        "returns codes as floats",
        "Of four bytes a value, how many are saved then? Which type has one byte?",
    ),
    _code(
        "codes.clamp(0, 255).to(torch.uint8)",
        "codes.clamp(-128, 127).to(torch.int8)",
        "returns signed codes",
        "Which codes are asked for: 0 to 255, or -128 to 127?",
    ),
    _code(
        "values / scale",
        "values * scale",
        "multiplies by the scale",
        "The scale is the size of a step. How many steps lie between 0 and a value?",
    ),
    _code(
        "",
        """def quantise(values, scale, zero_point):
    codes = (values / scale).round().clamp(0, 255) + zero_point
    return codes.to(torch.uint8)""",
        "cuts off the range before it adds the zero point",
        "Which values are lost, if everything below 0 is?",
    ),
    _code(
        "(values / scale).round()",
        "values.round() / scale",
        "rounds the values before they are counted in steps",
        "What is left of 0.26 after rounding?",
    ),
    _code(
        "+ zero_point",
        "- zero_point",
        "subtracts the zero point",
        "Which code should the value 0 get?",
    ),
    _back(
        "codes.float()",
        "codes",
        "subtracts while the codes are still unsigned bytes",
        "What is 3 - 5 in `uint8`? What should come first?",
    ),
    _back(
        " - zero_point",
        "",
        "forgets the zero point",
        "Which value should the code `zero_point` stand for?",
    ),
    _back(
        "* scale",
        "/ scale",
        "divides by the scale",
        "The scale is the size of a step. A code says how many steps there are.",
    ),
    _back(
        "- zero_point",
        "+ zero_point",
        "adds the zero point",
        "Which value should the code `zero_point` stand for?",
    ),
    _back(
        "(codes.float() - zero_point) * scale",
        "codes.float() * scale - zero_point",
        "subtracts the zero point from the values",
        "Is the zero point a code or a value?",
    ),
    _back(
        "(codes.float() - zero_point) * scale",
        "((codes.float() - zero_point) * scale).round()",
        "rounds the values",
        "Codes are whole numbers. Are the values that they stand for?",
    ),
    _matmul(
        "a_codes.int() - a_zero_point",
        "(a_codes - a_zero_point).int()",
        "subtracts the zero point in uint8",
        "What is 3 - 10 in a type without negative numbers?",
    ),
    _matmul(
        " - b_zero_point",
        "",
        "leaves out the second zero point",
        "For which value does a code of 0 stand?",
    ),
    _matmul(
        "(a_scale * b_scale)",
        "a_scale",
        "leaves out the second scale",
        "Which factors can be taken out of the sum?",
    ),
    _matmul(
        "(a_scale * b_scale)",
        "(a_scale + b_scale)",
        "adds the scales",
        "Which factors can be taken out of the sum?",
    ),
    _matmul(
        ".int()",
        ".short()",
        "adds up in 16 bits",
        "How large can a sum of many products of codes become?",
    ),
    _matmul(
        ".int()",
        ".float()",
        "computes with floats",
        "Which type do the codes have when you multiply them?",
        by=PLACE,
    ),
    _matmul(
        "sums = a @ b",
        "sums = (a.float() @ b.float()).to(torch.int32)",
        "adds up in 32-bit floats and changes the type at the end",
        "Up to which number does a float32 hold every whole number exactly?",
        by=PLACE,  # nearly the right result: no digest of that may stand in the table
    ),
    _matmul(
        "sums = a @ b",
        "sums = (a.short() @ b.short()).int()",
        "adds up in 16 bits and changes the type at the end",
        "How large can a sum of many products of codes become, and when does it have to fit?",
    ),
    _matmul(
        "a_codes.int() - a_zero_point  # (N, K)\n    b = b_codes.int() - b_zero_point",
        "a_codes.int() - b_zero_point  # (N, K)\n    b = b_codes.int() - a_zero_point",
        "exchanges the two zero points",
        "Which zero point belongs to which matrix?",
    ),
    _matmul(
        "sums = a @ b",
        "sums = a @ b - (a.shape[1] - 1) * a_zero_point * b_zero_point",
        "adds the product of the zero points once in place of K times",
        "How many terms has each sum, and how often does the product of the zero points stand in it?",
    ),
]
