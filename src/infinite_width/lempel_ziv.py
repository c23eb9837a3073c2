"""The Lempel-Ziv complexity of a sequence of bits: how few phrases it can be read as."""

from collections.abc import Sequence

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Shaped


def lempel_ziv_complexity(bits: Sequence[int] | Shaped[ArrayLike, " points"]) -> float:
    """Return the Lempel-Ziv complexity of a sequence of m bits, symmetrised, in bits.

    A sequence is read as phrases, each the shortest stretch that has not occurred before, where
    occurrences may overlap the phrase up to its last bit. With N phrases forwards and N' in the
    reversed sequence,

        K = log2(m) (N + N') / 2,   and K = log2(m) if all bits are equal.

    Raises:
        ValueError: `bits` is not a vector of at least 2 entries, each 0 or 1.

    Source: Lempel & Ziv (1976) for the phrases; Dingle et al. (2018) for K.

    Example:
        Phrases 0, 001, 0101 forwards and 1, 0, 10100, 0 backwards: log2(8) (3 + 4) / 2.

        >>> from infinite_width.lempel_ziv import lempel_ziv_complexity
        >>> lempel_ziv_complexity([0, 0, 0, 1, 0, 1, 0, 1])
        10.5
    """
    values = np.asarray(bits)
    if values.ndim != 1 or len(values) < 2 or not ((values == 0) | (values == 1)).all():
        raise ValueError(f"bits: expected at least 2 zeros and ones; got {bits!r}")
    text = values.astype(np.uint8).tobytes()
    if len(set(text)) == 1:
        return float(np.log2(len(text)))
    return float(np.log2(len(text)) * (_phrases(text) + _phrases(text[::-1])) / 2)


def _phrases(text):
    count = start = 0
    while start < len(text):
        end = start + 1
        while end <= len(text) and text.find(text[start:end], 0, end - 1) >= 0:
            end += 1
        count, start = count + 1, end
    return count
