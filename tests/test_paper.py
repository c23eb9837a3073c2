"""What leaves the screen: pages on paper, and what the copy button takes along."""

from pathlib import Path

import pytest
import sphinx_copybutton
import yaml

from bookkit import chapters, contrast
from bookkit.chapters import ROOT

CHAPTERS = [f"book/{name}" for name in chapters.names()]
OPEN = """() => [...document.querySelectorAll("details:is(.folded-proof, .sd-dropdown)")]
    .map(fold => fold.querySelector("summary ~ *").checkVisibility())"""
THEME = "theme => document.documentElement.dataset.theme === theme"
SHUT = """() => [...document.querySelectorAll(".admonition.solution")]
    .map(box => box.classList.contains("toggle-hidden"))"""


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
    assert contrast.faults(tab, paper=True)  # the rule finds the dark page's text
    tab.emulate_media(media="print")
    tab.wait_for_function(THEME, arg="light")
    assert contrast.faults(tab, paper=True) == []
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
