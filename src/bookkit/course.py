"""The course of ``course.yml``: chapters, what each needs, and plans that add up."""

from __future__ import annotations

from dataclasses import dataclass

import yaml

NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split()
PERIODS = {"twelve_weeks": ("Week", "minutes_per_week"), "two_days": ("Day", "minutes_per_day")}
SHORTEST = 30  # minutes that a class can do something with


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
    """Read a course and see whether it adds up.

    Raises:
        ValueError: The text is no YAML, an entry is incomplete, or a plan does not add up.
    """
    try:
        data = yaml.safe_load(text)
        entries = {
            name: Chapter(name, **{**entry, "needs": tuple(entry["needs"])})
            for name, entry in data["chapters"].items()
        }
        course = Course(**{**data, "chapters": entries})
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"course.yml: {type(error).__name__}: {error}") from None
    found = faults(course)
    if found:
        raise ValueError("course.yml: " + "; ".join(found))
    return course


def faults(course: Course) -> list[str]:
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
        for plan in PERIODS:
            found += plan_faults(course, plan)
    return found


def plan_faults(course: Course, plan: str) -> list[str]:
    """Everything in one plan that does not add up."""
    period, limit = PERIODS[plan][0], getattr(course, PERIODS[plan][1])
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


def count(number: int, noun: str) -> str:
    """A number in words, with its noun."""
    word = NUMBERS[number] if number < len(NUMBERS) else str(number)
    return f"{word} {noun}" if number == 1 else f"{word} {noun}s"


def summary(course: Course, plan: str, exist: set[str]) -> str:
    """What a plan holds, in a sentence or two."""
    lessons = [lesson for period in getattr(course, plan) for lesson in period]
    chapters = [lesson for lesson in lessons if lesson in course.chapters]
    planned = [name for name in chapters if name not in exist]
    own = len(lessons) - len(chapters)
    period, per = PERIODS[plan]
    line = count(len(getattr(course, plan)), period.lower())
    line += f" of {getattr(course, per)} minutes: "
    line += count(len(chapters), "chapter")
    line += f", and {count(own, 'lesson')} of the class's own" if own else ""
    line = line[0].upper() + line[1:] + ". "
    if planned:
        one = "is" if len(planned) == 1 else "are"
        return line + f"{count(len(planned), 'chapter').capitalize()} {one} still planned."
    return line + "Every chapter of it exists."


def join(titles: list[str]) -> str:
    """Titles in quotation marks, as a list in a sentence."""
    quoted = [f"“{title}”" for title in titles]
    return " and ".join([", ".join(quoted[:-1])] * (len(quoted) > 1) + quoted[-1:])
