"""Reads what a panel hands to the page's module, by the letter of its description."""

import json
from decimal import Decimal

PRINTABLE = " !#$%()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"


def unpack(paint):
    """The JSON of a panel with its packed numbers as lists: spans of (start, end) by message, values."""
    data = json.loads(paint)
    for layer in filter(None, data["layers"]):
        layer["spans"] = [unpack_spans(packed) for packed in layer["spans"]]
        layer["values"] = unpack_values(layer["values"], layer.pop("base"))
    return data


def unpack_spans(packed):
    numbers, number, shift = [], 0, 0
    for digit in ("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".index(one) for one in packed):
        number += (digit % 32) << shift
        shift += 5
        if digit < 32:
            numbers.append(number)
            number, shift = 0, 0
    spans, at = [], 0
    rest = iter(numbers)
    for number in rest:
        start = at + (next(rest) if number % 2 else 0)
        at = start + number // 2
        spans.append((start, at))
    return spans


def unpack_values(packed, base):
    values = []
    for high, low in zip(packed[::2], packed[1::2], strict=True):
        number = PRINTABLE.index(high) * 90 + PRINTABLE.index(low)
        if number == 0:
            values.append(None)
            continue
        negative, rest = divmod(number - 1, 4000)
        step, digits = divmod(rest, 1000)
        values.append(float(Decimal(-digits if negative else digits).scaleb(base + step)))
    return values
