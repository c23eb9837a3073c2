"""Compare `colab.toml` with what Colab publishes: ``python -m bookkit colab_versions``.

The file names the versions with which the Colab edition is tried out; Colab moves on without
telling us. Exit code 1 if anything differs, with a line for each difference.
"""

from __future__ import annotations

import argparse
import re
import tomllib
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bookkit.environments import name_of

PINS = tomllib.loads(Path(__file__).with_name("colab.toml").read_text("utf-8"))


def published(freeze: str) -> dict[str, str]:
    """The versions in a list of ``pip freeze``; of a package from a file, what its name says."""
    found = {}
    for line in freeze.splitlines():
        plain = re.match(r"([\w.-]+)==(\S+)", line)
        wheel = re.match(r"([\w.-]+) @ \S*/[\w.]+-(\d[\w.]*)", line)
        if match := plain or wheel:
            found[name_of(match[1])] = match[2]
    return found


def differences(pins: Mapping[str, Any], freeze: str, system: str) -> list[str]:
    """What Colab has otherwise than our pins say, as sentences.

    Args:
        pins: The content of `colab.toml`.
        freeze: Colab's list of packages.
        system: Its text that names the version of Python.
    """
    colab = published(freeze)
    found = [f"{name}: Colab has {colab.get(name, 'it no longer')}, colab.toml says {version}"
             for name, version in pins["packages"].items() if colab.get(name) != version]
    python = re.search(r"^Python (\d+\.\d+)", system, re.MULTILINE)
    if python is None or python[1] != pins["python"]:
        has = python[1] if python else "none in its list"
        found.append(f"Python: Colab has {has}, colab.toml says {pins['python']}")
    return found


def fetch(address: str) -> str:
    """A text from the network."""
    with urllib.request.urlopen(address, timeout=60) as response:
        return response.read().decode("utf-8")


def main() -> int:
    """Compare, and say what to change."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()
    try:
        found = differences(PINS, fetch(PINS["source"]), fetch(PINS["system"]))
    except OSError as error:
        found = [f"{PINS['source']} cannot be read: {error}"]
    print("\n".join(found) or f"Colab has what it had on {PINS['date']}.")
    return int(bool(found))
