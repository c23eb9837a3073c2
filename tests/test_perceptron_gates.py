import numpy as np
import pytest
from numpy.testing import assert_allclose

from infinite_width.boolean_functions import truth_tables
from infinite_width.perceptron_gates import perceptron_cube_volume, perceptron_sphere_volume

GATES = truth_tables(2)


def test_cube_volumes_of_two_inputs():
    volumes = [48 * perceptron_cube_volume(gate) for gate in GATES]
    expected = [13, 1, 2, 2, 2, 2, 0, 2, 2, 0, 2, 2, 2, 2, 1, 13]
    assert_allclose(volumes, expected, atol=1e-8)


def test_cube_volumes_of_one_and_three_inputs():
    # One input: x > -z and z > 0 and so on, by hand.
    volumes = [perceptron_cube_volume(f) for f in truth_tables(1)]
    assert_allclose(volumes, [3 / 8, 1 / 8, 1 / 8, 3 / 8], atol=1e-9)
    volumes = np.array([perceptron_cube_volume(f) for f in truth_tables(3)])
    assert (volumes > 0).sum() == 104  # the number of threshold functions of three variables
    assert_allclose(volumes.sum(), 1, atol=1e-8)


def test_sphere_volumes():
    share = np.arccos(np.sqrt(2 / 3)) / (2 * np.pi)
    constant, conjunction, mixed = 3 / 8 - share, share - 1 / 12, share - 1 / 16
    copy, disjunction = 7 / 48 - share, 1 / 24
    half = [constant, conjunction, mixed, copy, mixed, copy, 0, disjunction]
    volumes = [perceptron_sphere_volume(gate) for gate in GATES]
    assert_allclose(volumes, half + half[::-1], atol=1e-12)


@pytest.mark.parametrize("call", [
    lambda: perceptron_cube_volume([0, 1, 1]),
    lambda: perceptron_sphere_volume([0, 1]),
    lambda: perceptron_sphere_volume([0, 2, 1, 1]),
])
def test_bad_input_names_the_argument(call):
    with pytest.raises(ValueError, match="^gate: expected"):
        call()
