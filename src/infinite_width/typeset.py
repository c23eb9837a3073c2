"""Text with mathematics as HTML that every browser typesets, without a script."""

import html as _html
import re

from latex2mathml.converter import convert

_FORMULA = re.compile(r"\$([^$]*)\$")

# Browsers space operators by their place in a row; TeX looks at what stands before them.
_SPACING = (
    # A sign at the start, or after another operator that closes nothing, belongs to its number.
    (r"((?:<mrow>|<mo[^>]*>(?!&#x00029;|&#x0005D;|&#x0007D;|&#x0007C;)[^<]*</mo>))"
     r"<mo>(&#x02212;|&#x0002B;)</mo>", r'\1<mo form="prefix" lspace="0" rspace="0">\2</mo>'),
    (r'<mo(?: stretchy="false")?>(&#x0002F;|&#x0007C;)</mo>',
     r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>'),
    (r"<mo>([A-Za-z]{2,})</mo>", r"<mi>\1</mi>"),  # \operatorname
)


def html(text: str) -> str:
    r"""Text as safe HTML, with every ``$…$`` as MathML and all else escaped.

    Args:
        text: Plain text with TeX between single dollars.

    Raises:
        ValueError: A dollar has no partner, or what stands between two is not TeX.

    Example:
        >>> html("2 < 3")
        '2 &lt; 3'
        >>> html("of order $n$")  # doctest: +ELLIPSIS
        'of order <math ...><mrow><mi>n</mi></mrow></math>'
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
    for pattern, replacement in _SPACING:
        mathml = re.sub(pattern, replacement, mathml)
    return mathml
