"""Text with mathematics as HTML that every browser typesets, without a script."""

import html as _html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(r"\$([^$]*)\$")


def html(text: str) -> str:
    r"""Text as safe HTML, with every ``$…$`` as MathML and all else escaped.

    Args:
        text: Plain text with TeX between single dollars.

    Raises:
        ValueError: A dollar has no partner, or what stands between two is not TeX.

    Example:
        >>> html("2 < 3")
        '2 &lt; 3'
        >>> html("of order $1/n$")  # doctest: +ELLIPSIS
        'of order <math ...><mrow><mn>1</mn><mo>&#x0002F;</mo><mi>n</mi></mrow></math>'
    """
    if text.count("$") % 2:
        raise ValueError(f"text: expected dollars in pairs; got {text!r}")
    parts = _FORMULA.split(text)
    parts[::2] = map(_html.escape, parts[::2])
    parts[1::2] = map(_mathml, parts[1::2])
    return "".join(parts)


def _mathml(tex: str) -> str:
    try:
        mathml = convert(tex)
    except Exception as error:
        raise ValueError(f"text: expected TeX between dollars; got {tex!r}") from error
    # The library lets unknown commands and missing braces pass.
    groups = re.sub(r"\\[{}]", "", tex)
    if not tex.strip() or "\\" in mathml or groups.count("{") != groups.count("}"):
        raise ValueError(f"text: expected TeX between dollars; got {tex!r}")
    return mathml
