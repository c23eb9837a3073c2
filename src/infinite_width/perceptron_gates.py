"""How much of a perceptron's parameter space computes a given gate: exact volumes.

A gate of n bits is its truth table: 2**n outputs, in the order of
`infinite_width.boolean_functions.hypercube`.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Shaped
from scipy.optimize import linprog
from scipy.spatial import ConvexHull, HalfspaceIntersection

from infinite_width.boolean_functions import hypercube


def _half_spaces(gate):
    # The gate is computed where normals @ (weights, bias) > 0.
    gate = np.asarray(gate)
    dimension = int(gate.size).bit_length() - 1
    if gate.ndim != 1 or gate.size != 2**dimension or not np.isin(gate, (0, 1)).all():
        raise ValueError(f"gate: expected a truth table of 2**n zeros and ones; got {gate!r}")
    inputs = np.asarray(hypercube(dimension), float)
    return (2 * gate - 1)[:, None] * np.c_[inputs, np.ones(gate.size)]


def perceptron_cube_volume(gate: Sequence[int] | Shaped[ArrayLike, " points"]) -> float:
    """Return the share of the cube of weights and bias in which a perceptron computes `gate`.

    The perceptron computes 1 where w.x + b > 0, x in {0, 1}^n; (w, b) is uniform in [-1, 1]^{n+1}.
    The share is the volume of a polytope, found from its half-spaces.

    Raises:
        ValueError: `gate` is not a truth table.

    Example:
        Constant 1, of one input: 3/8 of all weights and biases.

        >>> from infinite_width.perceptron_gates import perceptron_cube_volume
        >>> round(perceptron_cube_volume([1, 1]), 6)
        0.375
    """
    normals = _half_spaces(gate)
    size = normals.shape[1]
    faces = np.concatenate([-normals, np.eye(size), -np.eye(size)])
    offsets = np.r_[np.zeros(len(normals)), np.ones(2 * size)]
    # The centre of the largest ball inside; none, and the gate cannot be computed.
    lengths = np.linalg.norm(faces, axis=1)
    ball = linprog(np.r_[np.zeros(size), -1.0], np.c_[faces, lengths], offsets,
                   bounds=[(None, None)] * size + [(0, None)])
    if ball.x[-1] < 1e-9:
        return 0.0
    corners = HalfspaceIntersection(np.c_[faces, -offsets], ball.x[:size]).intersections
    return float(ConvexHull(corners).volume / 2**size)


def perceptron_sphere_volume(gate: Sequence[int] | Shaped[ArrayLike, "4"]) -> float:
    """Return the share of the sphere of weights and bias in which a perceptron computes `gate`.

    The perceptron has two inputs and computes 1 where w.x + b > 0, x in {0, 1}^2; (w, b) is
    uniform on the unit sphere, or normal. The share is the area of a spherical polygon with k
    corners, (sum of angles - (k - 2) pi) / (4 pi).

    Raises:
        ValueError: `gate` is not a truth table of two bits.
    """
    normals = _half_spaces(gate)
    if normals.shape != (4, 3):
        raise ValueError(f"gate: expected 4 outputs; got {len(normals)}")
    unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    angles = []
    for i, j in combinations(range(4), 2):
        ray = np.cross(unit[i], unit[j])
        # Two sides meet in a corner if the line they share lies in all the half-spaces.
        if any((unit @ (sign * ray) > -1e-12).all() for sign in (1, -1)):
            angles.append(np.pi - np.arccos(unit[i] @ unit[j]))
    area = sum(angles) - (len(angles) - 2) * np.pi if len(angles) > 2 else 0.0
    return float(area / (4 * np.pi))
