"""Set the repository's address everywhere: ``python -m bookkit repository URL [--site SITE]``.

For a fork. The address in ``_config.yml`` is the one place that counts; this rewrites it
there, in the chapters' install cells and wherever else a page names it. The address of the
website follows that of the repository, as GitHub Pages has it, unless it is given.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from bookkit import chapters
from bookkit.chapters import ROOT

GITHUB = "https://github.com/"
CONFIG = re.compile(r"(?m)^  url: (https://\S+)$")
SITE = re.compile(r"(?m)^  baseurl: (https://\S+)$")
PAGES = ("*.md", "*.cff", "*.toml", "*.yml", "book/**/*.md", ".github/**/*.md", ".github/**/*.yml")
PART = r"[\w.~-]+"
FORMS = re.compile(
    rf"(?:(?:git\+)?(?:https?|ssh|git)://)?(?:[^@/\s]+@)?(?P<host>[\w-]+(?:\.[\w-]+)+)"
    rf"(?::\d+)?[/:](?P<path>{PART}(?:/{PART})+)"
)


def normal(address: str) -> str:
    """The one form of a repository's address that the book uses: https, and no ending.

    Args:
        address: As people write or copy it: with or without a scheme, ``.git`` or a slash at the
            end, ``git@github.com:owner/name.git``, ``ssh://…``, a page of the repository, or
            ``owner/name`` for GitHub.

    Raises:
        ValueError: It names no repository.

    Example:
        >>> normal("git@github.com:you/your-fork.git")
        'https://github.com/you/your-fork'
    """
    text = re.sub(r"[?#].*$", "", address.strip()).rstrip("/")
    if re.fullmatch(rf"{PART}/{PART}", text) and "." not in text.partition("/")[0]:
        text = GITHUB + text
    form = FORMS.fullmatch(text)
    if form is None:
        raise ValueError(f"expected an address such as {GITHUB}OWNER/NAME; got {address!r}")
    host = form["host"].lower().removeprefix("www.")
    parts = form["path"].partition("/-/")[0].split("/")  # GitLab's own pages stand behind "-"
    if host == "github.com":
        parts = parts[:2]
    parts[-1] = parts[-1].removesuffix(".git")
    if not all(part.strip(".") for part in parts):
        raise ValueError(f"expected an owner and a name; got {address!r}")
    return f"https://{host}/{'/'.join(parts)}"


def website(url: str) -> str | None:
    """Where GitHub Pages publishes a repository, or None for another host."""
    if not url.startswith(GITHUB):
        return None
    owner, name = url.removeprefix(GITHUB).split("/")
    home = f"{owner.lower()}.github.io"
    return f"https://{home}/" if name.lower() == home else f"https://{home}/{name}/"


def configured() -> str:
    """The address in ``_config.yml``."""
    return CONFIG.search((ROOT / "_config.yml").read_text("utf-8"))[1]


def configured_site() -> str:
    """The website's address in ``_config.yml``."""
    return SITE.search((ROOT / "_config.yml").read_text("utf-8"))[1]


def rewritten(text: str, old: tuple[str, str], new: tuple[str, str]) -> str:
    """A text with the addresses of another repository and website.

    Args:
        text: Of any of the book's files.
        old: The repository and the website that it names.
        new: Those that it shall name. A clone of the repository is a folder of its name.
    """
    folders = [url.rpartition("/")[2] for url, _ in (old, new)]
    text = text.replace(old[1], new[1]).replace(old[0], new[0])
    return re.sub(rf"\bcd {re.escape(folders[0])}\b(?![/-])", f"cd {folders[1]}", text)


def files() -> list[Path]:
    """The files that may name the repository."""
    return [*(p for pattern in PAGES for p in ROOT.glob(pattern)), *chapters.paths()]


def limits(url: str) -> list[str]:
    """What does not work with a repository, as sentences."""
    if url.startswith(GITHUB):
        return []
    return ["Colab opens notebooks from GitHub only, so chapters get no Colab button.",
            "The workflows in .github run on GitHub only; publish _build/html by your host's "
            "means, and on the branch gh-pages too, from which Binder starts."]


def main() -> None:
    """Rewrite the address."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("url", help="such as https://github.com/OWNER/NAME")
    parser.add_argument("--site", help="the website's address, if it is not GitHub's")
    options = parser.parse_args()
    try:
        new = normal(options.url)
    except ValueError as error:
        sys.exit(f"URL: {error}")
    site = options.site or website(new)
    if site is None:
        sys.exit(f"{new} is not on GitHub, so say where the website will be: SITE=https://…")
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", site):
        sys.exit(f"SITE: expected an address that starts with https://; got {site!r}")
    site = site.rstrip("/") + "/"
    old = configured(), configured_site()
    for path in files():
        text = path.read_text("utf-8")
        if (changed := rewritten(text, old, (new, site))) != text:
            path.write_text(changed, "utf-8")
    print(f"The repository is {new}, the website {site}. Now run: make test")
    print("\n".join(limits(new)), end="\n" * bool(limits(new)))
