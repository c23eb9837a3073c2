"""What the chapters of *Infinite Width* share, for everybody who works with wide networks.

The package is flat: import the module that you need, for example
``from infinite_width.kernels import mlp_kernels``. Importing a module changes nothing
elsewhere, except ``infinite_width.neural_tangents``, which repairs the library of that name and
which no other module imports.

Theory of the infinite-width limit:

- ``activations``, ``kernels``: NNGP and tangent kernels of fully connected networks;
- ``gaussian_process``, ``kernel_dynamics``: what those kernels predict, for Bayesian
  inference and for training by gradient flow;
- ``estimators``: both with the face of scikit-learn;
- ``orthants``: probabilities of sign patterns of Gaussian processes;
- ``parametrizations``: how weights and learning rates scale with the width;
- ``neural_tangents``: the library of that name on current JAX, for other architectures.

Finite networks:

- ``networks``, ``training``: networks in any parametrisation, and runs and ensembles of them;
- ``tangent_kernel``: the tangent kernel of a finite network, by layer;
- ``coordinate_check``: how far a few steps move every layer, over widths, beside theory;
- ``datasets``: small data sets, the same on every machine.

Measuring and showing:

- ``measure``, ``alignment``: estimates with standard errors, and how alike two kernels are;
- ``claims``, ``exercises``, ``prose``, ``figures``: what a chapter asserts, asks, prints and
  draws; ``typeset`` sets their formulas.

Five modules serve one chapter each: ``boolean_functions``, ``lempel_ziv`` and
``perceptron_gates`` the chapter on simplicity bias, ``ensemble_prior`` and
``rich_ensemble_prior`` the one on the ensemble prior. They are modules all the same, because what
they compute (exact volumes, phrase counts, roots over 48 powers of ten) takes more lines than a
lesson can show, has oracles of its own to be tested against, and is of use outside the book.
"""

__version__ = "0.1.0"
