"""Sphinx directives that draw the course of ``course.yml``: plans and prerequisites.

``{course-plan} twelve_weeks`` and ``{course-plan} two_days`` are tables of lessons,
``{course-graph}`` is the graph of prerequisites, ``{course-needs}`` says the same as a list.
A chapter that the table of contents lists exists and is linked; any other is marked as planned.
A course that cannot be read is an error.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookkit.course import PERIODS, Course, join, parse, summary
from bookkit.prerequisite_graph import Box, draw

ROMAN = ("I", "II", "III", "IV", "V", "VI")
HEADINGS = ("Lesson", "Minutes", "What it gives")


class CourseDirective(SphinxDirective):
    """What the directives share: the course, and which of its chapters exist."""

    def course(self) -> Course:
        """Read the course, of which the page then depends."""
        path = Path(self.env.srcdir, self.config.course_plan_file)
        self.env.note_dependency(str(path))
        try:
            return parse(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise self.error(str(error)) from None

    def page(self, name: str) -> str | None:
        """The address of a chapter, if it exists."""
        document = f"{self.config.course_plan_root}/{name}"
        if document not in self.env.found_docs:
            return None
        return self.env.app.builder.get_relative_uri(self.env.docname, document)

    def link(self, course: Course, lesson: str) -> list[nodes.Node]:
        """A chapter's title, linked or marked as planned; any other lesson as it stands."""
        if lesson not in course.chapters:
            return [nodes.Text(lesson)]
        title, page = course.chapters[lesson].title, self.page(lesson)
        if page:
            return [nodes.reference("", title, internal=True, refuri=page)]
        mark = nodes.inline("", "planned", classes=["planned-chapter"])
        return [nodes.Text(title + " "), mark]


class CoursePlan(CourseDirective):
    """A table of lessons, week by week or day by day."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the summary and the table."""
        plan, course = self.arguments[0], self.course()
        if plan not in PERIODS:
            raise self.error(f"expected one of {list(PERIODS)}; got {plan!r}")
        exist = {name for name in course.chapters if self.page(name)}
        group = nodes.tgroup(cols=4)
        group += [nodes.colspec(colwidth=1) for _ in range(4)]
        heading = nodes.row()
        for text in (PERIODS[plan][0], *HEADINGS):
            heading += nodes.entry("", nodes.paragraph(text=text))
        group += nodes.thead("", heading)
        body = nodes.tbody()
        for number, lessons in enumerate(getattr(course, plan), start=1):
            times = course.times(plan, lessons)
            for position, (lesson, time) in enumerate(zip(lessons, times, strict=True)):
                row = nodes.row(classes=["first"] if position == 0 else [])
                if position == 0:
                    more = {"morerows": len(lessons) - 1} if len(lessons) > 1 else {}
                    row += nodes.entry("", nodes.paragraph(text=str(number)), **more)
                row += self.entries(course, lesson, time)
                body += row
        group += body
        table = nodes.table("", group, classes=["course-plan", PERIODS[plan][0].lower() + "s"])
        return [nodes.paragraph(text=summary(course, plan, exist)), table]

    def entries(self, course: Course, lesson: str, time: int) -> list[nodes.entry]:
        """A lesson's part of its row."""
        minutes = nodes.entry("", nodes.paragraph(text=str(time)))
        title = nodes.paragraph("", "", *self.link(course, lesson))
        if lesson not in course.chapters:
            return [nodes.entry("", nodes.paragraph(text="Own work")), minutes,
                    nodes.entry("", title)]
        gives = nodes.paragraph(text=course.chapters[lesson].gives)
        return [nodes.entry("", title), minutes, nodes.entry("", gives)]


class CourseNeeds(CourseDirective):
    """The prerequisites as a list, part by part."""

    def run(self) -> list[nodes.Node]:
        """Return one list for each part."""
        course, result = self.course(), []
        for number, (part, caption) in enumerate(course.parts.items()):
            result.append(nodes.paragraph("", "", nodes.strong(text=f"{ROMAN[number]} {caption}")))
            listed = nodes.bullet_list()
            for chapter in course.chapters.values():
                if chapter.part == part:
                    line = nodes.paragraph("", "", *self.link(course, chapter.name))
                    needs = [course.chapters[need].title for need in chapter.needs]
                    line += nodes.Text(f" (after {join(needs)})" if needs else " (needs no other)")
                    listed += nodes.list_item("", line)
            result.append(listed)
        return result


class CourseGraph(CourseDirective):
    """The prerequisites as a graph."""

    def run(self) -> list[nodes.Node]:
        """Return the graph, which scrolls inside its own box where it is too wide."""
        course = self.course()
        parts, boxes = list(course.parts), {}
        for name, chapter in course.chapters.items():
            page = self.page(name)
            boxes[name] = Box(chapter.title, parts.index(chapter.part), page, chapter.needs,
                              "" if page else "planned")
        groups = [f"{ROMAN[i]} {caption}" for i, caption in enumerate(course.parts.values())]
        label = f"Graph of {len(boxes)} chapters and what each needs; the list below says the same."
        try:
            drawing = draw(boxes, groups, label)
        except ValueError as error:
            raise self.error(f"course.yml: {error}") from None
        # What scrolls must be reachable by keyboard.
        frame = '<div class="course-graph" tabindex="0" role="region" aria-label="Prerequisites">'
        return [nodes.raw("", f"{frame}{drawing}</div>", format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives with Sphinx."""
    app.add_config_value("course_plan_file", "book/course.yml", "env")
    app.add_config_value("course_plan_root", "book", "env")
    app.add_directive("course-plan", CoursePlan)
    app.add_directive("course-needs", CourseNeeds)
    app.add_directive("course-graph", CourseGraph)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
