"""The snippets of the page *Use the package* run, in order, as one script."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "book" / "use_the_package.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.chapter  # it takes as long as one
def test_snippets_run_in_order(tmp_path):
    """In a process of their own: the page switches JAX to float64."""
    text = PAGE.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == text.count("```python") > 8
    script = tmp_path / "page.py"
    # Blank lines in place of the prose, so that a traceback has the page's line numbers.
    lines = [""] * (text.count("\n") + 1)
    for block in blocks:
        first = text.count("\n", 0, block.start(1))
        code = block.group(1).splitlines()
        lines[first:first + len(code)] = code
    script.write_text("\n".join(lines), encoding="utf-8")
    run = subprocess.run([sys.executable, "-W", "error::UserWarning", script],
                         capture_output=True, text=True, timeout=1200)
    assert run.returncode == 0, run.stderr
    assert "slope" in run.stdout
