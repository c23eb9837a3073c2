"""What leaves the screen: pages on paper, and what the copy button takes along."""

import os
from pathlib import Path

import pytest
import sphinx_copybutton
import yaml

from bookkit import chapters
from bookkit import site as site_build
from bookkit.chapters import ROOT

CHAPTERS = [f"book/{chapters.name_of(path)}" for path in chapters.paths()]
# Text on white, since browsers print no backgrounds: its lowest contrast, WCAG's level AA.
FAINT = """() => {
    const light = (colour) => {
        const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
        return [r, g, b].map(v => (a * v + (1 - a) * 255) / 255)
            .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
            .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    };
    const found = new Set();
    const walker = document.createTreeWalker(
        document.querySelector(".bd-article"), NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        const element = node.parentElement;
        if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true }))
            continue;
        if (element.closest("mjx-assistive-mml, script, style, .headerlink")) continue;
        const ratio = 1.05 / (light(getComputedStyle(element).color) + 0.05);
        if (ratio < 4.5)
            found.add(`${ratio.toFixed(2)} ${element.className}: ${node.data.trim().slice(0, 40)}`);
    }
    return [...found];
}"""
OPEN = """() => [...document.querySelectorAll("details:is(.folded-proof, .sd-dropdown)")]
    .map(fold => fold.querySelector("summary ~ *").checkVisibility())"""
THEME = "theme => document.documentElement.dataset.theme === theme"
SHUT = """() => [...document.querySelectorAll(".admonition.solution")]
    .map(box => box.classList.contains("toggle-hidden"))"""


@pytest.fixture(scope="module")
def browser():
    executable = site_build.chromium()
    if executable is None:
        message = "no chromium on this machine: install it, or set CHROMIUM to its path"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    with site_build.browser(executable) as running:
        yield running


@pytest.fixture(scope="module")
def address(site):
    with site_build.serve(site) as where:
        yield where


@pytest.fixture
def visit(browser, address):
    contexts = []

    def open_page(page, mode):
        contexts.append(browser.new_context(color_scheme=mode))
        contexts[-1].set_default_timeout(120_000)  # a chapter holds megabytes of pictures
        tab = contexts[-1].new_page()
        tab.add_init_script(f"localStorage.mode = localStorage.theme = '{mode}'")
        tab.goto(f"{address}/{page}.html", wait_until="load")
        return tab

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("page", ["book/index", "book/how_to_use", "book/teach", "book/claims",
                                  CHAPTERS[0], CHAPTERS[-1]])
def test_paper_has_no_folds_and_no_dark_mode(visit, page):
    tab = visit(page, "dark")
    screen = tab.evaluate(OPEN), tab.evaluate(SHUT)
    assert tab.evaluate(FAINT)  # the rule finds the dark page's text
    tab.emulate_media(media="print")
    tab.wait_for_function(THEME, arg="light")
    assert tab.evaluate(FAINT) == []
    assert all(tab.evaluate(OPEN)) and all(tab.evaluate(SHUT))
    tab.emulate_media(media="screen")
    tab.wait_for_function(THEME, arg="dark")
    assert (tab.evaluate(OPEN), tab.evaluate(SHUT)) == screen


def test_some_page_has_folds_and_is_printed_with_them_open(visit, site):
    folded = [p for p in CHAPTERS if "sd-dropdown" in (site / f"{p}.html").read_text("utf-8")]
    tab = visit(folded[0], "dark")
    assert not any(tab.evaluate(OPEN))
    tab.evaluate("""() => addEventListener("beforeprint", () => {
        window.printed = [...document.querySelectorAll("details.sd-dropdown")].map(d => d.open);
        window.theme = document.documentElement.dataset.theme;
    })""")
    assert tab.pdf().startswith(b"%PDF")
    assert all(tab.evaluate("window.printed")) and tab.evaluate("window.theme") == "light"
    assert not any(tab.evaluate(OPEN))


def test_the_copy_button_leaves_prompts_and_outputs_behind(visit):
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["sphinx"]["config"]
    prompt = config["copybutton_prompt_text"]
    tab = visit("book/how_to_use", "light")
    functions = Path(sphinx_copybutton.__file__).with_name("_static") / "copybutton_funcs.js"
    tab.add_script_tag(content=functions.read_text("utf-8").replace("export ", ""))
    copied = "([text, prompt]) => formatCopyText(text, prompt, true)"
    cases = {
        "$ make book\n$ make test\n": "make book\nmake test",
        "$ git status\nOn branch main\n": "git status",
        ">>> 1 + 1\n2\n>>> for i in x:\n...     print(i)\n": "1 + 1\nfor i in x:\n    print(i)",
        "x = 1\ny = x + 1\n": "x = 1\ny = x + 1",
        "price = '$ 5'\n": "price = '$ 5'",
    }
    for text, expected in cases.items():
        assert tab.evaluate(copied, [text, prompt]) == expected
    tab.evaluate("""() => { navigator.clipboard.writeText = text => { window.copied = text; };
        document.execCommand = () => {
            window.copied = document.activeElement.value; return true; }; }""")
    tab.locator("div.highlight-console button.copybtn").first.click(force=True)
    assert "make" in tab.evaluate("window.copied") and "$" not in tab.evaluate("window.copied")
