"""The website: it builds without a warning, holds together, and works in a real browser.

Each rule is a function that returns the faults that it finds. It is applied to every page, and
once to a bad page, where it has to find them.
"""

import re
from urllib.parse import unquote, urljoin, urlparse

import pytest
import yaml
from bs4 import BeautifulSoup

from bookkit import contrast
from bookkit import site as site_build
from bookkit.chapters import ROOT

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
PAGES = [TOC["root"]] + [c["file"] for part in TOC["parts"] for c in part["chapters"]]
CHAPTERS = [page for page in PAGES if (ROOT / f"{page}.ipynb").is_file()]
HERE = "site.invalid"
VIEWS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]
EMBEDS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}
LINKED = {"stylesheet", "icon", "shortcut icon", "preload", "prefetch", "modulepreload", "manifest"}


# ---- The build ----


@pytest.mark.slow
def test_the_site_builds():
    status, messages, _ = site_build.build()
    assert status == 0, f"the site does not build:\n{messages}"


def read(path):
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


@pytest.fixture(scope="module")
def soups(site):
    return {
        path.relative_to(site).as_posix(): read(path)
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.relative_to(site).parts
    }


def test_every_page_of_the_contents_is_built(soups):
    assert {f"{page}.html" for page in PAGES} <= set(soups)


# ---- Links, images, resources ----


def broken_links(soups, files):
    """Find links inside the site that lead to no page, no file or no anchor."""
    anchors = {
        name: {tag.get("id") for tag in soup.find_all(id=True)}
        | {tag.get("name") for tag in soup.find_all("a", attrs={"name": True})}
        for name, soup in soups.items()
    }
    faults = []
    for name, soup in soups.items():
        for link in soup.find_all("a", href=True):
            target = urlparse(urljoin(f"http://{HERE}/{name}", link["href"]))
            if target.netloc != HERE or link["href"] in ("#", ""):
                continue
            path = unquote(target.path).lstrip("/")
            anchor = unquote(target.fragment)
            if path not in files:
                faults.append(f"{name}: {link['href']} leads to no file")
            elif anchor and path in anchors and anchor not in anchors[path]:
                faults.append(f"{name}: {link['href']} leads to no anchor")
    return faults


def images_without_text(soup):
    """Find images whose alternative text is missing, empty or only a file's name."""
    images = soup.find_all("img")
    bad = re.compile(r"^\s*$|\.(png|svg|jpe?g|gif|webp)$|^_?images?/")
    return [str(image)[:120] for image in images if bad.search(image.get("alt", ""))]


def foreign_resources(soup):
    """Find scripts, styles, fonts, images and frames that another host would have to send."""
    found = [
        tag[attribute]
        for tag in soup.find_all(list(EMBEDS))
        if (attribute := EMBEDS[tag.name]) in tag.attrs
    ]
    found += [
        tag["href"]
        for tag in soup.find_all("link", href=True)
        if " ".join(tag.get("rel", [])) in LINKED
    ]
    styles = " ".join(tag.get_text() for tag in soup.find_all("style"))
    return [url for url in found if urlparse(url).netloc] + foreign_in_css(styles)


def foreign_in_css(text):
    """Find addresses of other hosts that a style sheet would load."""
    return re.findall(r"(?:url\(\s*|@import\s+)['\"]?((?:https?:)?//[^'\")\s]+)", text)


def wrong_launch_links(soup, page, repository):
    """Compare the launch buttons of a chapter with the repository's address."""
    owner = urlparse(repository["url"]).path.strip("/")
    edition = f"editions/colab/{page.removeprefix('book/')}.ipynb"
    expected = {
        "colab.research.google.com": f"/github/{owner}/blob/gh-pages/{edition}",
        "mybinder.org": f"/v2/gh/{owner}/gh-pages?urlpath=lab/tree/{edition}",
    }
    faults = []
    for host, tail in expected.items():
        links = {a["href"] for a in soup.find_all("a", href=re.compile(f"//{re.escape(host)}/"))}
        if f"https://{host}{tail}" not in links:
            faults.append(f"no link https://{host}{tail} among {sorted(links)}")
    return faults


def test_links_resolve(soups, site):
    files = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert broken_links(soups, files) == []


@pytest.mark.parametrize("page", PAGES)
def test_images_have_alternative_text(soups, page):
    assert images_without_text(soups[f"{page}.html"]) == []


def test_no_page_refers_to_another_host(soups):
    assert {name: urls for name, soup in soups.items() if (urls := foreign_resources(soup))} == {}


def test_no_style_sheet_refers_to_another_host(site):
    sheets = list(site.rglob("*.css"))
    assert sheets
    assert [url for sheet in sheets for url in foreign_in_css(sheet.read_text("utf-8"))] == []


def test_teaching_notes_stay_out_of_the_pages(soups):
    marked = "**Teaching note**"
    assert any(marked in (ROOT / f"{page}.ipynb").read_text("utf-8") for page in CHAPTERS)
    assert [n for n, soup in soups.items() if "Teaching note (" in soup.get_text()] == []


@pytest.mark.parametrize("page", CHAPTERS)
def test_launch_buttons_point_to_the_repository(soups, page):
    assert wrong_launch_links(soups[f"{page}.html"], page, CONFIG["repository"]) == []


@pytest.mark.parametrize("page", CHAPTERS)
def test_the_download_button_offers_all_editions(soups, site, page):
    items = soups[f"{page}.html"].select(".dropdown-download-buttons a.dropdown-item")
    paths = [(site / f"{page}.html").parent / item["href"] for item in items]
    chapter = f"{page.removeprefix('book/')}.ipynb"
    expected = [f"editions/{kind}/{chapter}" for kind in ("colab", "student", "instructor")]
    expected.append(f"_sources/{page}.ipynb")
    assert [path.resolve().relative_to(site.resolve()).as_posix() for path in paths] == expected
    assert all(path.is_file() for path in paths)


BAD = """<!doctype html><html lang="en"><head><title>Bad</title>
<style>body { margin: 0; background: #fff } @import url(https://fonts.example/a.css);</style>
<link rel="stylesheet" href="https://styles.example/b.css"></head><body><article class="bd-article">
<p><a href="absent.html">gone</a> <a href="#nowhere">nowhere</a></p>
<img src="https://images.example/c.png" alt=""><img src="x.png" alt="_images/x.png">
<p class="faint" style="color: #bbb">faint</p>
<p class="math">\\(x^2\\) and $$y$$</p>
<div style="width: 2000px">wide</div>
<details class="sd-dropdown" onclick="event.preventDefault()"><summary>Stuck</summary></details>
<div class="player"><img src="data:," alt="a frame"><input type="range" max="3" value="0"></div>
<a href="https://colab.research.google.com/github/someone/else/blob/main/a.ipynb">Colab</a>
<script>console.error("a message"); undefinedFunction();</script>
<script src="https://scripts.example/d.js"></script>
</article></body></html>"""


def test_the_rules_find_the_faults_of_a_bad_page():
    soup = BeautifulSoup(BAD, "html.parser")
    assert len(broken_links({"bad.html": soup}, {"bad.html"})) == 2
    assert len(images_without_text(soup)) == 2
    assert len(foreign_resources(soup)) == 4
    assert len(wrong_launch_links(soup, "book/a", CONFIG["repository"])) == 2


# ---- In the browser ----


@pytest.fixture(scope="module")
def bad_address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "bad.html").write_text(BAD, "utf-8")
    with site_build.serve(folder) as where:
        yield where


class Visit:
    """A page in the browser, with what went wrong while it loaded."""

    def __init__(self, browser, url, width=1280, mode="light"):
        self.origin = urlparse(url).netloc
        self.faults, self.foreign = [], []
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=mode
        )
        self.context.set_default_timeout(120_000)  # a busy machine typesets slowly
        self.context.route("**/*", self._route)
        self.context.add_init_script(f"localStorage.mode = localStorage.theme = '{mode}'")
        self.tab = self.context.new_page()
        self.tab.on("console", self._console)
        self.tab.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        self.tab.on("response", self._response)
        self.tab.goto(url, wait_until="load")
        self.tab.evaluate(site_build.SETTLED)
        # Colours are judged where they end, not on their way.
        self.tab.add_style_tag(content="* { transition: none !important }")

    def look(self, width, mode):
        """Change the window's width and the colours without loading and typesetting again."""
        self.tab.set_viewport_size({"width": width, "height": 900})
        self.tab.emulate_media(color_scheme=mode)
        self.tab.evaluate("mode => Object.assign(document.documentElement.dataset,"
                          " { mode, theme: mode })", mode)

    def _route(self, route):
        url = urlparse(route.request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.netloc != self.origin:
            self.foreign.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    def _console(self, message):
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _response(self, response):
        if response.status >= 400:
            self.faults.append(f"status {response.status}: {response.url}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()


def maths_faults(tab):
    """Find formulas that are not typeset, that failed, or that show their source."""
    return tab.evaluate("""() => {
        const faults = [];
        const seen = new Set();
        for (const source of document.querySelectorAll(".bd-article .math"))
            if (!source.querySelector("mjx-container"))
                faults.push("not typeset: " + source.textContent.slice(0, 60));
        for (const error of document.querySelectorAll("mjx-merror, [data-mjx-error]"))
            faults.push("MathJax: " + error.textContent.slice(0, 60));
        const walker = document.createTreeWalker(
            document.querySelector(".bd-article"), NodeFilter.SHOW_TEXT);
        for (let node; (node = walker.nextNode());) {
            if (node.parentElement.closest("pre, code, script, style, mjx-container, .math"))
                continue;
            const raw = node.data.match(/\\$\\$|\\\\[([]|\\$[^$\\s][^$]*\\$/);
            if (raw) faults.push("raw mathematics: " + node.data.trim().slice(0, 60));
        }
        return faults;
    }""")


def overflow_faults(tab):
    """Find what makes a page wider than its window; what scrolls inside itself is fine."""
    return tab.evaluate("""() => {
        const root = document.documentElement;
        if (root.scrollWidth <= root.clientWidth + 1) return [];
        const faults = [`the page is ${root.scrollWidth} wide in ${root.clientWidth}`];
        const contained = (element) => {
            for (let up = element.parentElement; up && up !== document.body; up = up.parentElement)
                if (getComputedStyle(up).overflowX !== "visible") return true;
            return false;
        };
        for (const element of document.body.querySelectorAll("*")) {
            const box = element.getBoundingClientRect();
            if (box.width && box.right > root.clientWidth + 1 && !contained(element))
                faults.push(`${element.tagName}.${element.className} ends at ${box.right}`);
        }
        return faults.slice(0, 6);
    }""")


def player_faults(tab):
    """Find players whose picture does not change when their slider moves."""
    return tab.evaluate("""() => {
        const faults = [];
        const shown = (player) => [...player.querySelectorAll("img, canvas, output")]
            .map(part => `${part.src} ${part.hidden} ${part.textContent}`).join();
        for (const player of document.querySelectorAll(".player")) {
            const slider = player.querySelector("input[type=range]");
            const before = shown(player);
            slider.value = slider.value === slider.max ? slider.min : slider.max;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            if (shown(player) === before) faults.push(player.id || "a player does not move");
        }
        return faults;
    }""")


def fold_faults(tab):
    """Find folded parts that a click does not open."""
    faults = []
    for fold in tab.locator("details.folded-proof, details.sd-dropdown").all():
        fold.locator("summary").first.click()
        if fold.get_attribute("open") is None:
            faults.append(f"does not open: {fold.inner_text()[:60]}")
    for fold in tab.locator(".admonition.toggle").all():
        before = fold.bounding_box()["height"]
        fold.locator(".admonition-title").first.click(position={"x": 5, "y": 5})
        for _ in range(20):
            if fold.bounding_box()["height"] > before:
                break
            tab.wait_for_timeout(50)
        else:
            faults.append(f"does not open: {fold.inner_text()[:60]}")
    return faults


@pytest.mark.parametrize("page", PAGES)
def test_page_in_the_browser(browser, address, page):
    with Visit(browser, f"{address}/{page}.html", *VIEWS[0]) as visit:
        assert maths_faults(visit.tab) == []
        for width, mode in VIEWS:
            visit.look(width, mode)
            assert overflow_faults(visit.tab) == [], f"{width} wide"
            assert contrast.faults(visit.tab) == [], mode
        assert visit.tab.evaluate("document.fonts.check('16px \"Source Serif 4\"')")
        assert player_faults(visit.tab) == []
        visit.look(*VIEWS[0])
        assert fold_faults(visit.tab) == []
        assert visit.foreign == []
        assert visit.faults == []


def test_chapters_have_parts_to_unfold(soups):
    folded = "details.folded-proof, details.sd-dropdown, .admonition.dropdown"
    assert all(soups[f"{page}.html"].select(folded) for page in CHAPTERS)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_pages_start_in_the_colours_that_a_reader_chose(browser, address, mode):
    with Visit(browser, f"{address}/{PAGES[0]}.html", 1280, mode) as visit:
        assert visit.tab.locator("html").get_attribute("data-theme") == mode
        dark = visit.tab.evaluate("getComputedStyle(document.body).backgroundColor"
                                  ".match(/\\d+/g).slice(0, 3).every(part => part < 100)")
        assert dark == (mode == "dark")


def test_the_browser_rules_find_the_faults_of_a_bad_page(browser, bad_address):
    with Visit(browser, f"{bad_address}/bad.html", 390) as visit:
        assert len(visit.foreign) == 3
        assert any("a message" in fault for fault in visit.faults)
        assert any("undefinedFunction" in fault for fault in visit.faults)
        assert len(maths_faults(visit.tab)) == 1
        assert overflow_faults(visit.tab)
        assert any("faint" in fault for fault in contrast.faults(visit.tab))
        assert player_faults(visit.tab)
        assert len(fold_faults(visit.tab)) == 1
        visit.look(390, "dark")
        assert visit.tab.locator("html").get_attribute("data-theme") == "dark"


def test_the_colour_switch_changes_the_background(browser, address):
    with Visit(browser, f"{address}/{PAGES[0]}.html") as visit:
        background = "getComputedStyle(document.body).backgroundColor"
        seen = {visit.tab.evaluate(background)}
        for _ in range(3):
            visit.tab.locator("button.theme-switch-button:visible").first.click()
            seen.add(visit.tab.evaluate(background))
        assert len(seen) == 2
        assert visit.faults == []


def test_the_menus_offer_the_editions(browser, address):
    with Visit(browser, f"{address}/{CHAPTERS[0]}.html") as visit:
        shown = {}
        for menu in ("launch", "download"):
            visit.tab.locator(f".dropdown-{menu}-buttons > button:visible").first.click()
            items = visit.tab.locator(f".dropdown-{menu}-buttons .dropdown-item:visible")
            shown[menu] = {item.inner_text().strip(): item.get_attribute("href")
                           for item in items.all()}
            visit.tab.keyboard.press("Escape")
        assert list(shown["launch"]) == ["Binder", "Colab"]
        names = ["Colab", "Student", "Instructor", "Source", ".pdf"]
        assert list(shown["download"]) == names
        for name in names[:4]:
            response = visit.context.request.get(urljoin(visit.tab.url, shown["download"][name]))
            assert response.json()["nbformat"] == 4
        assert visit.faults == []


@pytest.mark.parametrize(
    "word, page",
    [("ledger", "book/claims"), ("kurtosis", "book/gp_limit/random_networks")],
)
def test_search_finds(browser, address, word, page):
    with Visit(browser, f"{address}/search.html?q={word}") as visit:
        results = visit.tab.locator("#search-results a")
        results.first.wait_for(timeout=10_000)
        found = {urlparse(a.get_attribute("href")).path for a in results.all()}
        assert any(path.endswith(f"{page}.html") for path in found), found
        assert visit.foreign == []
        assert visit.faults == []


def test_search_finds_nothing_for_a_word_that_the_book_lacks(browser, address):
    with Visit(browser, f"{address}/search.html?q=zyzzyva") as visit:
        visit.tab.locator("#search-results .search-summary").wait_for(timeout=10_000)
        visit.tab.wait_for_timeout(300)
        assert visit.tab.locator("#search-results li a").count() == 0
