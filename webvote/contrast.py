"""How well one colour is read on another: the contrast ratio of WCAG 2.2, from 1 to 21."""

from __future__ import annotations


def contrast(one: str, other: str) -> float:
    """Of two colours like `#123a5e`. WCAG 2.2, definition of contrast ratio."""
    dim, bright = sorted((_luminance(one), _luminance(other)))
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    """WCAG 2.2, definition of relative luminance (sRGB)."""
    red, green, blue = (_linear(int(colour[k : k + 2], 16) / 255) for k in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
