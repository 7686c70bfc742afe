"""MLPerf's early stopping: how sure a percentile of not so many queries is.

The rules (MLPerf Inference Rules, appendix "Early Stopping Criterion",
https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc) ask with tolerance d = 0 and
confidence c = 0.99: had a system met its latency only with probability p, how likely would so few overlong queries be?
That is a binomial distribution's lower tail, F(t; n, 1 - p), and it may be at most 1 - c.
"""

from __future__ import annotations

import math

import numpy as np

CONFIDENCE = 0.99


def most_overlong(queries: int, percentile: float) -> int:
    """How many of so many queries may be overlong: the largest t with F(t; n, 1 - p) ≤ 1 - c; -1 where not even 0 may.

    `percentile`: 0.9 or 0.99.
    """
    if queries < 1:
        return -1
    tail = 1 - percentile
    # What is sought lies below the mean; the terms are made as logarithms, each from the one before.
    k = np.arange(int(queries * tail) + 1, dtype=np.float64)
    steps = np.log((queries - k) / (k + 1)) + math.log(tail / percentile)
    logs = queries * math.log(percentile) + np.concatenate([[0.0], np.cumsum(steps[:-1])])
    return int(np.searchsorted(np.cumsum(np.exp(logs)), 1 - CONFIDENCE, side="right")) - 1


def least_queries(overlong: int, percentile: float) -> int:
    """How many queries it takes to be sure where so many were overlong: the least n with F(t; n, 1 - p) ≤ 1 - c."""
    low, high = overlong + 1, max(64, math.ceil((overlong + 10) / (1 - percentile)))
    while most_overlong(high, percentile) < overlong:
        high *= 2
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if most_overlong(middle, percentile) >= overlong else (middle + 1, high)
    return low


def estimated_percentile(queries: int, percentile: float) -> float | None:
    """The percentile (0 to 100) that is reported for so many queries; None: too few of them.

    The t - 1 longest are discarded, and the longest of the rest is reported.
    """
    allowed = most_overlong(queries, percentile)
    if allowed < 1:
        return None
    return (queries - (allowed - 1)) / queries * 100
