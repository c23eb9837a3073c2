import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from infinite_width.boolean_functions import hypercube
from infinite_width.lempel_ziv import lempel_ziv_complexity


def complexity(forwards, backwards, size):
    """K from the numbers of phrases in both directions."""
    return np.log2(size) * (forwards + backwards) / 2


def copies(bits):
    """Phrases of a sequence by the paper's production process, without a search in text.

    A table holds, for every pair of places i < j, how many bits from j on can be copied one
    after the other from i on (the source may run into the copy). A phrase is the longest copy
    and one bit more.
    """
    size = len(bits)
    reach = np.zeros((size + 1, size + 1), int)
    for i in reversed(range(size)):
        for j in reversed(range(i + 1, size)):
            reach[i, j] = reach[i + 1, j + 1] + 1 if bits[i] == bits[j] else 0
    count = place = 0
    while place < size:
        place += max(reach[:place, place], default=0) + 1
        count += 1
    return count


# By hand, from the definition: each phrase is the shortest stretch that did not occur before.
@pytest.mark.parametrize("bits, forwards, backwards", [
    # Lempel & Ziv (1976), section II: 0 . 001 . 10 . 100 . 1000 . 101
    # backwards 1 . 0 . 100 . 01001 . 011 . 000; the last stretch may have occurred before
    ("0001101001000101", 6, 6),
    ("01", 2, 2),
    ("0001", 2, 3),  # 0 . 001  and  1 . 0 . 00
    ("0101", 3, 3),  # 0 . 1 . 01  and  1 . 0 . 10
    ("00010101", 3, 4),  # 0 . 001 . 0101  and  1 . 0 . 10100 . 0
])
def test_phrases_by_hand(bits, forwards, backwards):
    values = [int(bit) for bit in bits]
    assert_allclose(lempel_ziv_complexity(values), complexity(forwards, backwards, len(bits)))


def test_all_short_sequences_and_some_long_ones():
    generator = np.random.default_rng(1)
    long = [generator.random(n) < q for n in (17, 64, 139) for q in (0.02, 0.1, 0.3, 0.5)]
    short = [bits for n in range(2, 8) for bits in itertools.product((0, 1), repeat=n)]
    for bits in short + long:
        expected = np.log2(len(bits))  # if all are equal
        if len(set(np.asarray(bits).tolist())) == 2:
            expected = complexity(copies(bits), copies(bits[::-1]), len(bits))
        assert_allclose(lempel_ziv_complexity(bits), expected, err_msg=str(bits))


def test_reading_backwards_or_with_bits_exchanged_changes_nothing():
    bits = np.random.default_rng(2).integers(0, 2, 100)
    values = [lempel_ziv_complexity(b) for b in (bits, bits[::-1], 1 - bits, bits == 1)]
    assert_array_equal(values, values[0])


def test_lempel_ziv_of_known_functions():
    x = np.asarray(hypercube(7)).astype(int)
    one_point = np.arange(128) == 37
    values = [np.ones(128), x[:, 0], x[:, 6], one_point, x.sum(1) % 2]
    assert_allclose([lempel_ziv_complexity(f) for f in values], [7, 21, 21, 24.5, 91])
    assert_allclose(lempel_ziv_complexity(hypercube(4).sum(1) % 2), 28)


@pytest.mark.parametrize("bits", [[1], [0, 2, 1], [[0, 1], [1, 0]], [0.5, 1.0]])
def test_bad_input(bits):
    with pytest.raises(ValueError, match="^bits: expected at least 2 zeros and ones; got"):
        lempel_ziv_complexity(bits)
