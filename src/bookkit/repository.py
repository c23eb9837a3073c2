"""Set the repository's address everywhere: ``python -m bookkit repository URL``.

For a fork. The address in ``_config.yml`` is the one place that counts; this rewrites it
there, in the chapters' install cells and wherever else a page names it. The address of the
website follows that of the repository, as GitHub Pages has it.
"""

import re
import sys

from bookkit import chapters
from bookkit.chapters import ROOT

CONFIG = re.compile(r"(?m)^  url: (https://\S+)$")
INSTALL = re.compile(r'REPOSITORY = "([^"]*)"')
PAGES = ("_config.yml", "README.md", "CITATION.cff", "book/*.md")


def website(url):
    """Where GitHub Pages publishes a repository."""
    owner, name = url.rstrip("/").split("/")[-2:]
    return f"https://{owner.lower()}.github.io/{name}/"


def configured():
    """The address in ``_config.yml``."""
    return CONFIG.search((ROOT / "_config.yml").read_text("utf-8"))[1]


def addresses():
    """The address in ``_config.yml`` and in each chapter's install cell, by place."""
    found = {"_config.yml": configured()}
    for path in chapters.paths():
        source = "\n".join(c.source for c in chapters.read(path).cells)
        match = INSTALL.search(source)
        found[path.stem] = match[1] if match else None
    return found


def main():
    """Rewrite the address."""
    if len(sys.argv) != 2 or not re.fullmatch(r"https://[\w.-]+/[\w.-]+/[\w.-]*[\w-]", sys.argv[1]):
        sys.exit("Give the address: make repository URL=https://github.com/OWNER/NAME")
    old, new = configured(), sys.argv[1]
    paths = [path for pattern in PAGES for path in ROOT.glob(pattern)]
    for path in [*paths, *chapters.paths()]:
        text = path.read_text("utf-8")
        text = text.replace(website(old), website(new)).replace(old, new)
        path.write_text(text, "utf-8")
    print(f"The repository is {new}, the website {website(new)}. Now run: make test")

