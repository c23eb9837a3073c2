"""Tangent kernel of a finite fully connected network, from its forward and backward signals.

With W^l = c_l w^l and biases B^l = e_l b^l, the derivative of the output f_a in the parameters
of layer l is an outer product, of the layer's input and of the signal g_a^l = d f_a / d h^l:

    Theta_ab(x, x') = sum_l (c_l^2 phi(h^{l-1}).phi(h'^{l-1}) + e_l^2) (g_a^l . g'_b^l),

with x in place of phi(h^0). No Jacobian is ever formed: memory is that of the signals,
[n, outputs, width], and of the result.
"""

import jax.numpy as jnp

from infinite_width import _validate


def mlp_tangent_kernel(network, params, x1, x2=None, *, by_layer=False):
    """Do the work of `infinite_width.networks.MLP.tangent_kernel`."""
    x1, x2 = _validate.pair(x1, x2) if x2 is not None else (_validate.pair(x1)[0], None)
    first = _signals(network, params, x1)
    second = first if x2 is None else _signals(network, params, x2)
    d_in = params[0]["weight"].shape[0]
    total, shares = 0.0, []
    for layer, (entry, one, two) in enumerate(zip(params, first, second, strict=True)):
        gram = network._scale(layer, "weight", d_in) ** 2 * (one[0] @ two[0].T)
        if "bias" in entry:
            gram = gram + network._scale(layer, "bias", d_in) ** 2
        if one[1].shape[1] == 1:
            share = gram * (one[1][:, 0] @ two[1][:, 0].T)
        else:
            share = gram[..., None, None] * jnp.einsum("iak,jbk->ijab", one[1], two[1])
        total = total + share
        if by_layer:
            shares.append(share)
    return jnp.stack(shares) if by_layer else total


def _signals(network, params, x):
    """Return for every layer its input [n, fan_in] and d f / d h [n, outputs, fan_out]."""
    hidden = network.preactivations(params, x)[:-1]
    x = jnp.asarray(x, params[0]["weight"].dtype)
    inputs = [x, *map(network.activation.phi, hidden)]
    outputs = params[-1]["weight"].shape[1]
    signal = jnp.broadcast_to(jnp.eye(outputs, dtype=x.dtype), (len(x), outputs, outputs))
    signals = [signal]
    for layer in range(network.depth, 0, -1):
        scale = network._scale(layer, "weight", params[0]["weight"].shape[0])
        slope = network.activation.derivative(hidden[layer - 1])
        signal = scale * (signal @ params[layer]["weight"].T) * slope[:, None]
        signals.append(signal)
    return list(zip(inputs, reversed(signals), strict=True))
