"""Make ``{prf:proof}`` with ``:class: dropdown`` fold.

sphinx-proof gives a proof no title, and the script of sphinx-togglebutton, which folds other
boxes by their title, stops with an error at the first proof that it meets. HTML's own fold needs
no script. All proofs also get the same id from sphinx-proof, which is dropped here.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx_proof.nodes import proof_node

OPEN = '<details class="folded-proof"><summary>Proof</summary>'
CLOSE = "</details>"


def fold_proofs(app: Sphinx, doctree: nodes.document) -> None:
    """Wrap each folded proof of a page in a details element."""
    for proof in list(doctree.findall(proof_node)):
        box = proof[0]
        box["ids"] = []
        if "dropdown" not in box["classes"]:
            continue
        box["classes"].remove("dropdown")
        start, end = (nodes.raw("", tag, format="html") for tag in (OPEN, CLOSE))
        proof.replace_self([start, proof.deepcopy(), end])


def setup(app: Sphinx) -> dict[str, Any]:
    """Fold proofs after each page has been read."""
    app.connect("doctree-read", fold_proofs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
