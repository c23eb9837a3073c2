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


@pytest.mark.parametrize("text, operator, attributes", [
    ("$s = -1$", "−", {"form": "prefix", "lspace": "0", "rspace": "0"}),
    ("$-n$", "−", {"form": "prefix", "lspace": "0", "rspace": "0"}),
    ("$a - b$", "−", {}), ("$(a) - b$", "−", {}), ("$|a| - b$", "−", {}),
    ("$1/n$", "/", {"stretchy": "false", "lspace": "0", "rspace": "0"}),
    ("$|x$", "|", {"stretchy": "false", "lspace": "0", "rspace": "0"}),
])
def test_operators_are_spaced_as_in_tex(text, operator, attributes):
    found = [mo for mo in ElementTree.fromstring(html(text)).iter(MATHML + "mo")
             if mo.text == operator]
    assert [mo.attrib for mo in found] == [attributes]


def test_names_of_functions_are_no_operators():
    tree = ElementTree.fromstring(html(r"$\operatorname{Cov}(x)$"))
    assert next(tree.iter(MATHML + "mi")).text == "Cov"
