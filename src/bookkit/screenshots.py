"""Take screenshots of built pages, for people who check how a page looks.

Build the site first (``make book``). Then, for example::

    python -m bookkit screenshots gp_limit/random_networks --out shots
    python -m bookkit screenshots index claims --out shots --widths 390 --modes dark
    python -m bookkit screenshots --all --out shots

A page is named as in the table of contents, from ``book/`` on. Every page is opened in headless
Chromium at 1280 and 390 pixels, light and dark. Lazy images are loaded, folded parts stay folded
unless ``--unfold`` is given, and the full page is cut into pieces of at most 2000 pixels:
``PAGE-WIDTH-MODE-01.png``, ``…-02.png`` and so on. The names are printed.
"""

import argparse
from pathlib import Path

from playwright.sync_api import Browser

from bookkit.chapters import SITE
from bookkit.site import SETTLED, browser, chromium, serve

PIECE = 2000
UNFOLD = """() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    for (const button of document.querySelectorAll(".toggle-button-hidden")) button.click();
}"""


def pages(site: Path) -> list[str]:
    """List the site's pages, from ``book/`` on."""
    root = site / "book"
    return sorted(p.relative_to(root).with_suffix("").as_posix() for p in root.rglob("*.html"))


def shoot(
    running: Browser, address: str, page: str, width: int, mode: str, out: Path, unfold: bool
) -> list[Path]:
    """Photograph one page at one width in one mode, piece by piece."""
    tab = running.new_page(viewport={"width": width, "height": 900}, color_scheme=mode)
    tab.add_init_script(f"localStorage.mode = localStorage.theme = '{mode}'")
    tab.goto(f"{address}/book/{page}.html", wait_until="load")
    if unfold:
        tab.evaluate(UNFOLD)
    tab.evaluate(SETTLED)
    height = tab.evaluate("document.documentElement.scrollHeight")
    files = []
    for number, top in enumerate(range(0, height, PIECE), start=1):
        file = out / f"{page.replace('/', '-')}-{width}-{mode}-{number:02d}.png"
        clip = {"x": 0, "y": top, "width": width, "height": min(PIECE, height - top)}
        tab.screenshot(path=file, full_page=True, clip=clip, animations="disabled")
        files.append(file)
    tab.close()
    return files


def main() -> None:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "pages", nargs="*", metavar="PAGE", help="for example gp_limit/random_networks"
    )
    parser.add_argument("--all", action="store_true", help="every page of the site")
    parser.add_argument("--out", type=Path, required=True, help="the folder for the pictures")
    parser.add_argument(
        "--site", type=Path, default=SITE, help="the built site"
    )
    parser.add_argument("--widths", type=int, nargs="+", default=[1280, 390])
    parser.add_argument("--modes", nargs="+", choices=["light", "dark"], default=["light", "dark"])
    parser.add_argument("--unfold", action="store_true", help="open what is folded")
    options = parser.parse_args()

    executable = chromium()
    if executable is None:
        parser.error("no chromium on this machine: install it, or set CHROMIUM to its path")
    if not (options.site / "book").is_dir():
        parser.error(f"no site in {options.site}: run `make book` first")
    names = pages(options.site) if options.all else options.pages
    unknown = sorted(set(names) - set(pages(options.site)))
    if unknown or not names:
        parser.error(f"no page {', '.join(unknown)}; there are {', '.join(pages(options.site))}")

    options.out.mkdir(parents=True, exist_ok=True)
    with serve(options.site) as address, browser(executable) as running:
        for page in names:
            for width in options.widths:
                for mode in options.modes:
                    for file in shoot(
                        running, address, page, width, mode, options.out, options.unfold
                    ):
                        print(file)
