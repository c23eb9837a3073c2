"""What readers install holds what the chapters import, and nothing of the book's machinery."""

import shutil
import subprocess
import sys
import zipfile

from bookkit.chapters import ROOT


def test_the_wheel_holds_the_package_alone(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    # Without isolation nothing is fetched: the lock has the tools that build.
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", tmp_path, tmp_path], check=True, capture_output=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"infinite_width"}
    assert {"infinite_width/py.typed", "infinite_width/claims.toml"} <= names
