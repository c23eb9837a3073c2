"""Text with mathematics becomes safe HTML, and slips do not pass."""

from xml.etree import ElementTree

import pytest

from infinite_width.typeset import html

MATHML = "{http://www.w3.org/1998/Math/MathML}"


def test_formulas_become_mathml_and_the_rest_is_escaped():
    text = html(r"<b>2 & 3</b> falls like $n^{-1/2}$ for $\Theta < 1$.")
    tree = ElementTree.fromstring(f"<p>{text}</p>")
    assert tree.text == "<b>2 & 3</b> falls like "
    first, second = tree
    assert first.tag == second.tag == MATHML + "math"
    base, exponent = first.find(f".//{MATHML}msup")
    assert base.text == "n" and "".join(exponent.itertext()) == "−1/2"
    assert "".join(second.itertext()) == "Θ<1" and second.tail == "."


def test_text_without_mathematics_is_only_escaped():
    assert html('a "b" < c') == "a &quot;b&quot; &lt; c"


@pytest.mark.parametrize("text", [
    "costs $5", "$$", "$ $", r"$\nosuch$", r"$\frac{1$", "$a^2^3$", r"$\left(a$", "$a}$",
])
def test_slips_are_reported(text):
    with pytest.raises(ValueError, match="^text: expected"):
        html(text)
