"""The colours of the tones that charts name, on white and on a dark page.

Series differ in lightness as well as in hue, and every tone but "grid" has a contrast of at least 3 : 1 with its page
(a test measures it); "ink" and "muted", in which text is written, have 4.5 : 1.
"""

from __future__ import annotations

PAPER = "#ffffff"
DARK_PAPER = "#14171c"

LIGHT = {
    "ink": "#1b1f24",
    "muted": "#5b6470",
    "grid": "#e3e6ea",
    "bad": "#c92a2a",
    # Told apart, in this order.
    "s0": "#1762c4",
    "s1": "#d05a00",
    "s2": "#0f8a5f",
    "s3": "#8a3ffc",
    "s4": "#c2255c",
    "s5": "#0a8299",
    "s6": "#8a6d1d",
    "s7": "#39424e",
    # From the first to the last of an order.
    "r0": "#b58900",
    "r1": "#7a8f16",
    "r2": "#2f9160",
    "r3": "#1c8391",
    "r4": "#2f64ad",
    "r5": "#4b3d96",
    "r6": "#6b1f6f",
}

DARK = {
    "ink": "#e8eaed",
    "muted": "#a3acb8",
    "grid": "#2c323a",
    "bad": "#ff7b72",
    "s0": "#6aa9ff",
    "s1": "#ff9d4d",
    "s2": "#4fd1a1",
    "s3": "#be95ff",
    "s4": "#ff7eb0",
    "s5": "#4cc9e0",
    "s6": "#d9bd5c",
    "s7": "#c3cad3",
    "r0": "#f2c14e",
    "r1": "#bcd35a",
    "r2": "#63d3a0",
    "r3": "#55c4d6",
    "r4": "#74a9f0",
    "r5": "#a195f5",
    "r6": "#d98be0",
}
