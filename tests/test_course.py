"""The course adds up, agrees with the book, and is drawn as it says."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from bookkit import course as syllabus
from bookkit import prerequisite_graph as graph
from bookkit import rules as notebooks
from bookkit.chapters import ROOT

TEXT = (ROOT / "book/course.yml").read_text("utf-8")
COURSE = syllabus.parse(TEXT)
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
LISTED = {
    chapter["file"].removeprefix("book/"): part.get("caption")
    for part in TOC["parts"]
    for chapter in part["chapters"]
}
EXIST = {name for name in notebooks.NAMES if name in LISTED}


def chapter(name):
    return notebooks.read(ROOT / f"book/{name}.ipynb")


# ---- The course and the book ----


def test_there_are_four_parts_of_five_chapters():
    parts = [c.part for c in COURSE.chapters.values()]
    assert {part: parts.count(part) for part in parts} == dict.fromkeys(COURSE.parts, 5)


def test_every_chapter_of_the_book_is_in_the_course():
    assert EXIST and EXIST <= set(COURSE.chapters)
    assert {name for name in LISTED if "/" in name} == EXIST
    assert {LISTED[name] for name in EXIST} <= set(COURSE.parts.values())
    assert all(COURSE.parts[COURSE.chapters[name].part] == LISTED[name] for name in EXIST)


@pytest.mark.parametrize("name", sorted(EXIST))
def test_a_chapter_has_its_title_and_its_minutes(name):
    prose = notebooks.text(chapter(name))
    assert re.search(r"^# +(.+)$", prose, re.MULTILINE)[1].strip() == COURSE.chapters[name].title
    assert notebooks.minutes(chapter(name)) == COURSE.chapters[name].minutes


@pytest.mark.parametrize("name", sorted(EXIST))
def test_what_a_chapter_says_it_needs_comes_before_it(name):
    labels = {}
    for other in EXIST:
        first = re.search(r"^\((.+)\)=\n# ", notebooks.text(chapter(other)), re.MULTILINE)
        labels[first[1]] = other
    prose = notebooks.text(chapter(name))
    need = re.search(r"^\*\*You need\*\*.*$", prose, re.MULTILINE)[0]
    linked = {labels[label] for label in re.findall(r"\{ref\}`[^<`]*<([\w-]+)>`", need)
              if label in labels}
    assert linked <= COURSE.before(name)


# ---- The rules, each shown to fail ----


def spoil(old, new):
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


@pytest.mark.parametrize("text, complaint", [
    (spoil("  - [gp_limit/signal_propagation, gp_limit/bayesian_inference]\n", ""),
     "gp_limit/signal_propagation is not in the twelve weeks"),
    (spoil("[gp_limit/random_networks, gp_limit/deep_kernels]\n", "[gp_limit/deep_kernels, x]\n"),
     "week 1 of twelve_weeks: gp_limit/deep_kernels needs gp_limit/random_networks before"),
    (spoil("week: 180", "week: 160"), "week 1 of twelve_weeks takes 175 minutes of 160"),
    (spoil("[gp_limit/priors_by_design, ", "[gp_limit/priors_by_design, Reading, "),
     "week 3 of twelve_weeks has no chapter, or more than one lesson of own work"),
    (spoil("day: 360", "day: 330"), "day 2 of two_days takes 315 minutes of 330, besides own"),
    (spoil("descent, ntk/trained_ensembles, prior/simplicity_bias]",
           "descent, ntk/trained_ensembles, ntk/trained_ensembles]"),
     "ntk/trained_ensembles comes twice"),
    (TEXT.replace("ntk/spectral_bias]\n", "ntk/spectrum]\n"), "ntk/spectrum is no chapter"),
    (TEXT.replace("needs: [lazy_rich/parametrizations]", "needs: [prior/ensemble_prior]", 1),
     "lazy_rich/richness needs prior/ensemble_prior, which does not stand above it"),
    (TEXT.replace("needs: [gp_limit/bayesian_inference]",
                  "needs: [gp_limit/deep_kernels, gp_limit/bayesian_inference]"),
     "gp_limit/priors_by_design need not name gp_limit/deep_kernels"),
    (TEXT.replace("  prior/ensemble_prior:", "  priors/ensemble_prior:"),
     "priors/ensemble_prior is in no part"),
    (spoil("    gives: The tangent kernel", "    give: The tangent kernel"), "TypeError"),
    ("lesson: [", "Error"),
    ("", "TypeError"),
])
def test_a_course_that_does_not_add_up_is_refused(text, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        syllabus.parse(text)


def test_prerequisites_of_prerequisites_count():
    assert COURSE.before("gp_limit/random_networks") == set()
    assert COURSE.before("gp_limit/priors_by_design") == {
        "gp_limit/random_networks", "gp_limit/deep_kernels", "gp_limit/bayesian_inference"}


def test_the_summary_counts():
    everything = set(COURSE.chapters)
    line = syllabus.summary(COURSE, "twelve_weeks", everything)
    assert line == ("Twelve weeks of 180 minutes: 20 chapters, and four lessons of the class's "
                    "own. Every chapter of it exists.")
    line = syllabus.summary(COURSE, "two_days", everything - {"lazy_rich/richness"})
    assert line == ("Two days of 360 minutes: seven chapters, and one lesson of the class's own. "
                    "One chapter is still planned.")


# ---- The graph ----

GRID = {
    name: graph.Box(c.title, list(COURSE.parts).index(c.part), row % 5, None)
    for row, (name, c) in enumerate(COURSE.chapters.items())
}
EDGES = [(need, c.name) for c in COURSE.chapters.values() for need in c.needs]
# Everything that may be drawn at all, in a small grid: arrows down a lane and to the right.
FULL = {f"{lane}{row}": graph.Box("x", lane, row, None) for lane in range(4) for row in range(3)}
ALL = [(a, b) for a in FULL for b in FULL
       if a[0] < b[0] or (a[0] == b[0] and a[1] < b[1])]


def segments(arrow):
    return [(*sorted((p, q)),) for p, q in pairwise(arrow.points)]


@pytest.mark.parametrize("boxes, edges", [(GRID, EDGES), (FULL, ALL)])
def test_arrows_run_along_the_grid_and_cross_no_box(boxes, edges):
    layout = graph.Layout(boxes, edges)
    arrows = layout.arrows()
    assert sorted((a.source, a.target) for a in arrows) == sorted(edges)
    for arrow in arrows:
        for (x, y), (u, v) in segments(arrow):
            assert x == u or y == v
            assert 0 < x <= u < layout.width and 0 < y <= v < layout.height
            for box in boxes.values():
                left, top = layout.x[box.lane], layout.y[box.row]
                inside = (x < left + graph.WIDTH and u > left
                          and y < top + graph.HEIGHT and v > top)
                assert not inside


@pytest.mark.parametrize("boxes, edges", [(GRID, EDGES), (FULL, ALL)])
def test_an_arrow_starts_and_ends_at_its_boxes(boxes, edges):
    layout = graph.Layout(boxes, edges)
    for arrow in layout.arrows():
        for name, (x, y) in (arrow.source, arrow.points[0]), (arrow.target, arrow.points[-1]):
            left, top = layout.x[boxes[name].lane], layout.y[boxes[name].row]
            assert x in (left, left + graph.WIDTH / 2, left + graph.WIDTH)
            assert top <= y <= top + graph.HEIGHT
            assert x != left + graph.WIDTH / 2 or y in (top, top + graph.HEIGHT)


def test_arrows_of_different_boxes_do_not_run_on_top_of_each_other():
    lines = [(arrow.source, *segment) for arrow in graph.Layout(GRID, EDGES).arrows()
             for segment in segments(arrow)]
    for source, p, q in lines:
        for other, r, s in lines:
            if source != other:
                for axis in (0, 1):
                    level = p[1 - axis] == q[1 - axis] == r[1 - axis] == s[1 - axis]
                    assert not (level and p[axis] < s[axis] and r[axis] < q[axis])


@pytest.mark.parametrize("edge", [("10", "01"), ("01", "00"), ("00", "00")])
def test_an_arrow_that_leads_back_is_refused(edge):
    with pytest.raises(ValueError, match="does not stand before"):
        graph.Layout(FULL, [edge])


def test_the_drawing_is_well_formed_and_says_everything():
    boxes = {"a": graph.Box("A < B & so on", 0, 0, "a.html#x"),
             "b": graph.Box("A title in two lines", 1, 0, None, "planned")}
    svg = ElementTree.fromstring(graph.draw(boxes, [("a", "b")], ["I", "II"], 'a "label"'))
    name = "{http://www.w3.org/2000/svg}"
    assert svg.get("aria-label") == 'a "label"'
    assert [a.get("href") for a in svg.iter(f"{name}a")] == ["a.html#x"]
    texts = [" ".join(t.text for t in text) for text in svg.iter(f"{name}text")]
    assert texts == ["I", "II", "A < B & so on", "A title in two lines", "planned"]
    planned = [g.get("data-box") for g in svg.iter(f"{name}g") if "planned" in g.get("class")]
    assert planned == ["b"]
    assert [g.get("data-edge") for g in svg.iter(f"{name}g") if g.get("data-edge")] == ["a b"]


# ---- The page ----

PAGE = """# Course

```{course-graph}
```
```{course-needs}
```
```{course-plan} twelve_weeks
```
```{course-plan} two_days
```
"""


def build(folder, page=PAGE, course=TEXT):
    """Build a book of two pages: the course, and one chapter that exists."""
    (folder / "source/book/gp_limit").mkdir(parents=True)
    (folder / "source/book/teach.md").write_text(page, "utf-8")
    (folder / "source/book/course.yml").write_text(course, "utf-8")
    (folder / "source/book/gp_limit/random_networks.md").write_text(
        "---\norphan: true\n---\n# Chapter\n", "utf-8")
    settings = {"extensions": ["myst_parser", "bookkit.sphinx.course_plan"], "root_doc": "book/teach"}
    with (folder / "log").open("w", encoding="utf-8") as log:
        app = Sphinx(folder / "source", None, folder / "html", folder / "trees", "html",
                     settings, status=None, warning=log)
        app.build()
    return (folder / "log").read_text("utf-8"), folder / "html/book/teach.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    log, path = build(tmp_path_factory.mktemp("course"))
    assert log == ""
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def test_plans_link_what_exists_and_mark_the_rest(page):
    weeks, days = page.find_all("table", class_="course-plan")
    for table, lessons, periods in (weeks, 24, 12), (days, 8, 2):
        assert [a["href"] for a in table.find_all("a")] == ["gp_limit/random_networks.html"]
        rows = table.find("tbody").find_all("tr")
        assert len(rows) == lessons
        assert len([row for row in rows if "first" in row.get("class", [])]) == periods
    assert len(weeks.find_all(class_="planned-chapter")) == 19
    assert len(days.find_all(class_="planned-chapter")) == 6
    assert weeks.get_text().count("Own work") == 4 and days.get_text().count("Own work") == 1
    for table, total in (weeks, 180), (days, 360):
        sums = []
        for row in table.find_all("tr")[1:]:
            sums += [0] if "first" in row.get("class", []) else []
            sums[-1] += int(row.find_all("td")[-2].get_text())
        assert max(sums) <= total
        assert sum(s == total for s in sums) >= table.get_text().count("Own work")
    assert weeks.find("td")["rowspan"] == "2" and days.find("td")["rowspan"] == "4"


def test_the_graph_links_what_exists_and_marks_the_rest(page):
    box = page.find("div", class_="course-graph")
    assert box["tabindex"] == "0" and box["aria-label"]
    assert [a["href"] for a in box.find_all("a")] == ["gp_limit/random_networks.html"]
    assert len(box.find_all("g", class_="planned")) == 19
    assert {g["data-edge"] for g in box.find_all("g", class_="arrow")} == {
        f"{a} {b}" for a, b in EDGES}


def test_the_list_says_what_the_graph_shows(page):
    titles = {c.title: c for c in COURSE.chapters.values()}
    said = {}
    for item in page.find_all("li"):
        line = re.fullmatch(r"(.+?)(?: planned)? \((after .+|needs no other)\)", item.get_text())
        if line:
            said[line[1]] = re.findall("“(.+?)”", line[2])
    assert set(said) == set(titles)
    assert all([titles[need].name for need in needs] == list(titles[title].needs)
               for title, needs in said.items())


@pytest.mark.parametrize("page, course, complaint", [
    (PAGE.replace("two_days", "two_weeks"), TEXT, "expected one of"),
    (PAGE, TEXT.replace("week: 180", "week: 160"), "takes 175 minutes of 160"),
])
def test_the_build_complains(tmp_path, page, course, complaint):
    assert complaint in build(tmp_path, page, course)[0]
