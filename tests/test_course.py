"""The course adds up, agrees with the book, and is drawn as it says."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
import yaml
from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from bookkit import chapters, rules
from bookkit import course as syllabus
from bookkit import prerequisite_graph as graph
from bookkit.chapters import ROOT

TEXT = (ROOT / "book/course.yml").read_text("utf-8")
COURSE = syllabus.parse(TEXT)
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
LISTED = {
    chapter["file"].removeprefix("book/"): part.get("caption")
    for part in TOC["parts"]
    for chapter in part["chapters"]
}
EXIST = {name for name in chapters.names() if name in LISTED}


def chapter(name):
    return chapters.read(chapters.path_of(name))


# ---- The rules ----

SHORTEST = 30  # minutes that a class can do something with


def faults(course):
    """Everything in a course that does not add up, as sentences."""
    found, above = [], set()
    for name, chapter in course.chapters.items():
        if chapter.part not in course.parts:
            found.append(f"{name} is in no part")
        late = [need for need in chapter.needs if need not in above]
        found += [f"{name} needs {need}, which does not stand above it" for need in late]
        for need in set(chapter.needs) - set(late):
            others = [other for other in chapter.needs if other not in (need, *late)]
            if any(need in course.before(other) for other in others):
                found.append(f"{name} need not name {need}: another prerequisite needs it")
        above.add(name)
    if not found:
        missing = set(course.chapters) - {x for week in course.twelve_weeks for x in week}
        found += [f"{name} is not in the twelve weeks" for name in sorted(missing)]
        if len(course.twelve_weeks) != 12 or len(course.two_days) != 2:
            found.append("the plans do not have twelve weeks and two days")
        for plan in syllabus.PERIODS:
            found += plan_faults(course, plan)
    return found


def plan_faults(course, plan):
    """Everything in one plan that does not add up."""
    period, limit = syllabus.PERIODS[plan][0], getattr(course, syllabus.PERIODS[plan][1])
    found, done = [], set()
    for number, lessons in enumerate(getattr(course, plan), start=1):
        where = f"{period.lower()} {number} of {plan}"
        chapters = [lesson for lesson in lessons if lesson in course.chapters]
        total = sum(course.chapters[lesson].minutes for lesson in chapters)
        if not chapters or len(lessons) > len(chapters) + 1:
            found.append(f"{where} has no chapter, or more than one lesson of own work")
        if total > limit or (len(lessons) > len(chapters) and total > limit - SHORTEST):
            found.append(f"{where} takes {total} minutes of {limit}, besides own work")
        for lesson in lessons:
            if lesson in course.chapters:
                if lesson in done:
                    found.append(f"{lesson} comes twice in {plan}")
                needs = course.before(lesson) - done
                found += [f"{where}: {lesson} needs {need} before it" for need in sorted(needs)]
            elif "/" in lesson.split()[0]:
                found.append(f"{where}: {lesson} is no chapter")
            done.add(lesson)
    return found


# ---- The course and the book ----


def test_the_course_adds_up():
    assert faults(COURSE) == []


def test_each_part_takes_three_weeks_one_part_after_the_other():
    weeks = [{COURSE.chapters[x].part for x in week if x in COURSE.chapters}
             for week in COURSE.twelve_weeks]
    assert weeks == [{part} for part in COURSE.parts for _ in range(3)]


def test_every_chapter_of_the_book_is_in_the_course():
    assert EXIST and EXIST <= set(COURSE.chapters)
    assert {name for name in LISTED if "/" in name} == EXIST
    assert {LISTED[name] for name in EXIST} <= set(COURSE.parts.values())
    assert all(COURSE.parts[COURSE.chapters[name].part] == LISTED[name] for name in EXIST)


@pytest.mark.parametrize("name", sorted(EXIST))
def test_a_chapter_has_its_title_and_its_minutes(name):
    prose = rules.text(chapter(name))
    assert re.search(r"^# +(.+)$", prose, re.MULTILINE)[1].strip() == COURSE.chapters[name].title
    assert rules.minutes(chapter(name)) == COURSE.chapters[name].minutes


@pytest.mark.parametrize("name", sorted(EXIST))
def test_what_a_chapter_says_it_needs_comes_before_it(name):
    labels = {}
    for other in EXIST:
        first = re.search(r"^\((.+)\)=\n# ", rules.text(chapter(other)), re.MULTILINE)
        labels[first[1]] = other
    prose = rules.text(chapter(name))
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
    (spoil("week: 180", "week: 160"), "week 1 of twelve_weeks takes 172 minutes of 160"),
    (spoil("[gp_limit/priors_by_design, ", "[gp_limit/priors_by_design, Reading, "),
     "week 3 of twelve_weeks has no chapter, or more than one lesson of own work"),
    (spoil("day: 360", "day: 330"), "day 1 of two_days takes 336 minutes of 330, besides own"),
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
])
def test_a_course_that_does_not_add_up_is_found(text, complaint):
    assert any(complaint in fault for fault in faults(syllabus.parse(text)))


@pytest.mark.parametrize("text, complaint", [
    (spoil("    gives: The tangent kernel", "    give: The tangent kernel"), "TypeError"),
    ("lesson: [", "Error"),
    ("", "TypeError"),
])
def test_a_course_that_cannot_be_read_is_refused(text, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        syllabus.parse(text)


def test_prerequisites_of_prerequisites_count():
    assert COURSE.before("gp_limit/random_networks") == set()
    assert COURSE.before("gp_limit/priors_by_design") == {
        "gp_limit/random_networks", "gp_limit/deep_kernels", "gp_limit/bayesian_inference"}


def test_the_summary_counts():
    everything = set(COURSE.chapters)
    line = syllabus.summary(COURSE, "twelve_weeks", everything)
    own = sum(x not in everything for week in COURSE.twelve_weeks for x in week)
    assert line == (f"12 weeks of 180 minutes: {len(everything)} chapters, and {own} lessons of "
                    "the class's own. Every chapter of it exists.")
    line = syllabus.summary(COURSE, "two_days", everything - {"lazy_rich/richness"})
    assert line == ("2 days of 360 minutes: 7 chapters, and 1 lesson of the class's own. "
                    "Still planned: 1 chapter.")


# ---- The graph ----

BOXES = {name: graph.Box(c.title, list(COURSE.parts).index(c.part), None, c.needs)
         for name, c in COURSE.chapters.items()}
EDGES = [(need, c.name) for c in COURSE.chapters.values() for need in c.needs]
# A chain in which each needs all before it: every line but one passes columns.
CHAIN = {str(i): graph.Box("x", 0, None, tuple(map(str, range(i)))) for i in range(5)}


@pytest.mark.parametrize("boxes", [BOXES, CHAIN])
def test_no_line_crosses_a_box_and_none_lies_on_another(boxes):
    column, place = graph.columns(boxes), graph.places(boxes)
    assert len(set(place.values())) == len(place)
    rows = {(c, y) for (name, c), (x, y) in place.items() if c == column[name]}
    for target, box in boxes.items():
        for need in box.needs:
            points = graph.line(need, target, column, place)
            start, end = place[need, column[need]], place[target, column[target]]
            assert points[0] == (start[0] + graph.WIDTH, start[1]) and points[-1] == end
            # Within a column a line runs level, where no box stands.
            for (x, y), (u, v) in pairwise(points):
                inside = [c for c in range(max(column.values()) + 1)
                          if x < 4 + graph.ACROSS * c + graph.WIDTH and u > 4 + graph.ACROSS * c]
                assert not inside or (y == v and (inside[0], y) not in rows)
            assert all(x < u for (x, _), (u, _) in pairwise(points))
    assert all(abs(y - v) >= graph.HEIGHT for (c, y), (d, v) in pairwise(sorted(rows)) if c == d)


def test_a_need_that_does_not_come_first_is_refused():
    with pytest.raises(ValueError, match="b does not stand before a"):
        graph.columns({"a": graph.Box("a", 0, None, ("b",)), "b": graph.Box("b", 0, None)})


def test_the_drawing_is_well_formed_and_says_everything():
    boxes = {"a": graph.Box("A < B & so on", 0, "a.html#x"),
             "b": graph.Box("A title in two lines", 1, None, ("a",), "planned")}
    svg = ElementTree.fromstring(graph.draw(boxes, ["I", "II"], 'a "label"'))
    name = "{http://www.w3.org/2000/svg}"
    assert svg.get("aria-label") == 'a "label"'
    assert [a.get("href") for a in svg.iter(f"{name}a")] == ["a.html#x"]
    texts = [" ".join(text.itertext()) for text in svg.iter(f"{name}text")]
    assert texts == ["A < B & so on", "A title in two lines", "planned", "■ I", "■ II"]
    planned = [g.get("data-box") for g in svg.iter(f"{name}g") if "planned" in g.get("class")]
    assert planned == ["b"]
    assert [p.get("data-edge") for p in svg.iter(f"{name}polyline")] == ["a b"]


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
    settings = {"extensions": ["myst_parser", "bookkit.sphinx.course_plan"],
                "root_doc": "book/teach"}
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
    for table, plan in (weeks, COURSE.twelve_weeks), (days, COURSE.two_days):
        lessons, periods = sum(map(len, plan)), len(plan)
        assert [a["href"] for a in table.find_all("a")] == ["gp_limit/random_networks.html"]
        rows = table.find("tbody").find_all("tr")
        assert len(rows) == lessons
        assert len([row for row in rows if "first" in row.get("class", [])]) == periods
    assert len(weeks.find_all(class_="planned-chapter")) == len(COURSE.chapters) - 1
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
    assert len(box.find_all("g", class_="planned")) == len(COURSE.chapters) - 1
    assert {p["data-edge"] for p in box.find_all("polyline")} == {
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
    (PAGE, "lesson: [", "course.yml"),
    (PAGE, TEXT.replace("needs: []", "needs: [prior/ensemble_prior]"), "does not stand before"),
])
def test_the_build_complains(tmp_path, page, course, complaint):
    assert complaint in build(tmp_path, page, course)[0]
