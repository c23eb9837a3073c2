"""What the chapters of *Infinite Width* share.

The package is flat: import the module that you need, for example
``from infinite_width.kernels import mlp_kernels``. Importing a module changes nothing
elsewhere, except ``infinite_width.neural_tangents``, which repairs the library of that name.
"""

__version__ = "0.1.0"
