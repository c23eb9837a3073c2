"""The course of ``course.yml``: chapters, what each needs, and plans.

Whether it adds up, the tests say.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from bookkit.words import count

PERIODS = {"twelve_weeks": ("Week", "minutes_per_week"), "two_days": ("Day", "minutes_per_day")}


@dataclass(frozen=True)
class Chapter:
    """An entry of the course. Its name is that of its file below ``book/``."""

    name: str
    title: str
    minutes: int
    needs: tuple[str, ...]
    gives: str

    @property
    def part(self) -> str:
        """The folder in which it stands."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Course:
    """All of ``course.yml``. Plans are lists of weeks or days, these are lists of lessons."""

    minutes_per_week: int
    minutes_per_day: int
    parts: dict[str, str]
    chapters: dict[str, Chapter]
    twelve_weeks: list[list[str]]
    two_days: list[list[str]]

    def before(self, name: str) -> set[str]:
        """Every chapter that one needs, directly or not."""
        found: set[str] = set()
        rest = list(self.chapters[name].needs)
        while rest:
            one = rest.pop()
            if one not in found:
                found.add(one)
                rest += self.chapters[one].needs
        return found

    def times(self, plan: str, lessons: list[str]) -> list[int]:
        """The minutes of a week's or a day's lessons; the class's own work gets what is left."""
        taken = [self.chapters[x].minutes if x in self.chapters else 0 for x in lessons]
        left = getattr(self, PERIODS[plan][1]) - sum(taken)
        return [minutes or left for minutes in taken]


def parse(text: str) -> Course:
    """Read a course.

    Raises:
        ValueError: The text is no YAML, or an entry is incomplete.
    """
    try:
        data = yaml.safe_load(text)
        entries = {
            name: Chapter(name, **{**entry, "needs": tuple(entry["needs"])})
            for name, entry in data["chapters"].items()
        }
        return Course(**{**data, "chapters": entries})
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"course.yml: {type(error).__name__}: {error}") from None


def summary(course: Course, plan: str, exist: set[str]) -> str:
    """What a plan holds, in two sentences."""
    lessons = [lesson for period in getattr(course, plan) for lesson in period]
    chapters = [lesson for lesson in lessons if lesson in course.chapters]
    period, per = PERIODS[plan]
    parts = [count(len(chapters), "chapter")]
    if own := len(lessons) - len(chapters):
        parts.append(f"{count(own, 'lesson')} of the class's own")
    rest = "Every chapter of it exists"
    if planned := sum(name not in exist for name in chapters):
        rest = f"Still planned: {count(planned, 'chapter')}"
    return (f"{count(len(getattr(course, plan)), period.lower())} of {getattr(course, per)} "
            f"minutes: {', and '.join(parts)}. {rest}.")


def join(titles: list[str]) -> str:
    """Titles in quotation marks, as a list in a sentence."""
    quoted = [f"“{title}”" for title in titles]
    return " and ".join([", ".join(quoted[:-1])] * (len(quoted) > 1) + quoted[-1:])
