"""The bibliography: complete entries, no duplicates, and exactly the keys that the book cites.

Each rule is a function that returns a list of problems. The first tests apply the rules to the
book, the others show each rule failing on a bad example.
"""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from pybtex.database import parse_string
from pybtex.database.input.bibtex import LowLevelParser

BOOK = Path(__file__).parents[1] / "book"

KEY = re.compile(r"[a-z]+(?P<year>\d{4})[a-z0-9]*")
YEAR = re.compile(r"(1[6-9]|20)\d\d")
DOI = re.compile(r"10\.\d{4,9}/[^\s{}]+")
ARXIV = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+/\d{7})(v\d+)?")
URL = re.compile(r"https?://[\w-]+(\.[\w-]+)+(/[^\s{}]*)?")
ARXIV_IN_LINK = re.compile(r"arxiv(?:\.org/(?:abs|pdf)/|\.)([a-z-]+/\d{7}|\d{4}\.\d{4,5})", re.I)

ROLE = re.compile(r"\{cite(?::[a-z:]+)?\}`([^`]+)`")
CODE_BLOCK = re.compile(r"^( *)(`{3,})[^\n]*\n.*?^\1\2`*[ \t]*$", re.MULTILINE | re.DOTALL)


# Reading

def parse(text):
    """Return the entries of a BibTeX text by key."""
    return dict(parse_string(text, "bibtex").entries.items())


def keys_in_order(text):
    return [key for _, (key, _) in LowLevelParser(text)]


def cited_keys(markdown):
    """Return the keys in {cite}, {cite:t}, ... roles outside code blocks."""
    keys = set()
    for content in ROLE.findall(CODE_BLOCK.sub("", markdown)):
        for part in content.split(","):
            keys.add(re.sub(r"\{[^}]*\}", "", part).strip())  # {see}key{page 3}
    return keys


def pages():
    """Yield (name, Markdown) of every page; of notebooks, their Markdown cells."""
    for path in sorted([*BOOK.rglob("*.md"), *BOOK.rglob("*.ipynb")]):
        if any(part.startswith((".", "_")) for part in path.relative_to(BOOK).parts):
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "\n\n".join(
                "".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
            )
        yield str(path.relative_to(BOOK)), text


def keywords(entry):
    return {word.strip() for word in entry.fields.get("keywords", "").split(",")} - {""}


def identifiers(entry):
    """Return the DOI and the arXiv number, in one form each."""
    found = set()
    if "doi" in entry.fields:
        found.add("doi:" + entry.fields["doi"].lower())
    if "eprint" in entry.fields:
        found.add("arxiv:" + re.sub(r"v\d+$", "", entry.fields["eprint"].lower()))
    for name in ("doi", "url"):
        match = ARXIV_IN_LINK.search(entry.fields.get(name, ""))
        if match:
            found.add("arxiv:" + match[1].lower())
    return found


def plain_title(entry):
    title = re.sub(r"\\[a-zA-Z]+|[{}]", "", entry.fields.get("title", ""))
    return re.sub(r"[^a-z0-9]", "", title.lower())


# Rules

def repeated(pairs, what):
    """Return a problem for each value that several keys share."""
    owners = {}
    for key, value in pairs:
        owners.setdefault(value, []).append(key)
    return [
        f"{', '.join(keys)}: the same {what} {value!r}"
        for value, keys in owners.items() if value and len(keys) > 1
    ]


def duplicate_keys(text):
    counts = Counter(key.lower() for key in keys_in_order(text))
    return [f"{key}: {count} entries" for key, count in counts.items() if count > 1]


def duplicate_identifiers(entries):
    pairs = [(key, name) for key, entry in entries.items() for name in sorted(identifiers(entry))]
    return repeated(pairs, "link")


def duplicate_titles(entries):
    return repeated([(key, plain_title(entry)) for key, entry in entries.items()], "title")


def incomplete(entries):
    problems = []
    for key, entry in entries.items():
        if not any(str(person).strip() for person in entry.persons.get("author", [])):
            problems.append(f"{key}: no author")
        if not plain_title(entry):
            problems.append(f"{key}: no title")
        if not YEAR.fullmatch(entry.fields.get("year", "")):
            problems.append(f"{key}: no year, or not four digits")
    return problems


def bad_links(entries):
    problems = []
    for key, entry in entries.items():
        present = {name for name in ("doi", "eprint", "url") if name in entry.fields}
        if not present:
            problems.append(f"{key}: neither doi nor eprint nor url")
        for name, form in (("doi", DOI), ("eprint", ARXIV), ("url", URL)):
            if name in present and not form.fullmatch(entry.fields[name]):
                problems.append(f"{key}: {name} {entry.fields[name]!r} is malformed")
        if "eprint" in present and entry.fields.get("archiveprefix") != "arXiv":
            problems.append(f"{key}: eprint without archiveprefix = {{arXiv}}")
    return problems


def bad_keys(entries):
    problems = []
    for key, entry in entries.items():
        match = KEY.fullmatch(key)
        if not match:
            problems.append(f"{key}: not of the form author2018word, in lower case")
        elif match["year"] != entry.fields.get("year"):
            problems.append(f"{key}: its year is {entry.fields.get('year')}")
    return problems


def bad_order(text):
    keys = keys_in_order(text)
    return [
        f"{second}: belongs before {first}"
        for first, second in zip(keys, keys[1:], strict=False) if second < first
    ]


def bad_characters(text):
    return [
        f"line {number}: {character!r}, write a TeX escape"
        for number, line in enumerate(text.splitlines(), 1)
        for character in line if not character.isascii()
    ]


def missing(cited, entries):
    return [f"{key}: cited, but not in references.bib" for key in sorted(cited - set(entries))]


def unused(cited, entries):
    return [
        f"{key}: neither cited nor marked keywords = {{source}}"
        for key, entry in entries.items() if key not in cited and "source" not in keywords(entry)
    ]


def unlisted_documents(cited, entries):
    return [
        f"{key}: one of the documents that the book examines, but not cited"
        for key, entry in entries.items() if "document" in keywords(entry) and key not in cited
    ]


# The book

@pytest.fixture(scope="module")
def text():
    return (BOOK / "references.bib").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def entries(text):
    return parse(text)


@pytest.fixture(scope="module")
def cited():
    return set().union(*(cited_keys(markdown) for _, markdown in pages()))


@pytest.mark.parametrize("rule", [duplicate_keys, bad_order, bad_characters])
def test_the_file_keeps_the_rule(rule, text):
    assert rule(text) == []


@pytest.mark.parametrize(
    "rule", [duplicate_identifiers, duplicate_titles, incomplete, bad_links, bad_keys]
)
def test_the_entries_keep_the_rule(rule, entries):
    assert len(entries) > 0
    assert rule(entries) == []


@pytest.mark.parametrize("rule", [missing, unused, unlisted_documents])
def test_the_citations_keep_the_rule(rule, cited, entries):
    assert len(cited) > 0
    assert rule(cited, entries) == []


# The rules

GOOD = """
@article{doe1999word,
  author = {Doe, Jane},
  title = {On the Width of {Networks}},
  journal = {Journal},
  year = {1999},
  doi = {10.1000/182},
  eprint = {cs/9901001},
  archiveprefix = {arXiv},
}
"""
OTHER = """
@misc{roe2001,
  author = {Roe, Richard},
  title = {Depth},
  year = {2001},
  url = {https://example.org/depth.html},
}
"""


def edited(old, new, base=GOOD):
    assert old in base
    return base.replace(old, new)


def test_good_entries_pass_all_rules():
    text = GOOD + OTHER
    entries = parse(text)
    assert duplicate_keys(text) + bad_order(text) + bad_characters(text) == []
    for rule in (duplicate_identifiers, duplicate_titles, incomplete, bad_links, bad_keys):
        assert rule(entries) == []
    for rule in (missing, unused, unlisted_documents):
        assert rule({"doe1999word", "roe2001"}, entries) == []


@pytest.mark.parametrize(("rule", "bad", "says"), [
    (duplicate_keys, GOOD + GOOD, "2 entries"),
    (duplicate_keys, GOOD + edited("doe1999word", "Doe1999Word"), "2 entries"),
    (bad_order, OTHER + GOOD, "before roe2001"),
    (bad_characters, edited("Jane", "J\u00e4ne"), "TeX escape"),
])
def test_rules_for_the_file_fail_on(rule, bad, says):
    problems = rule(bad)
    assert len(problems) == 1
    assert says in problems[0]


def renamed(text):
    """Return the text under another key, so that it can stand beside the original."""
    return edited("doe1999word", "doe1999again", text)


@pytest.mark.parametrize(("rule", "bad", "says"), [
    (duplicate_identifiers,
     GOOD + renamed(edited("eprint = {cs/9901001}", "eprint = {cs/9901002}")), "10.1000/182"),
    (duplicate_identifiers,
     GOOD + renamed(edited("10.1000/182", "10.1000/183")), "cs/9901001"),
    (duplicate_identifiers,
     GOOD + edited("https://example.org/depth.html", "https://arxiv.org/abs/cs/9901001", OTHER),
     "cs/9901001"),
    (duplicate_titles, GOOD + edited("{Depth}", "{{On} the width of networks}", OTHER), "title"),
    (incomplete, edited("  author = {Doe, Jane},\n", ""), "author"),
    (incomplete, edited("On the Width of {Networks}", "{}"), "title"),
    (incomplete, edited("  year = {1999},\n", ""), "year"),
    (incomplete, edited("{1999}", "{99}"), "year"),
    (bad_links, edited("  url = {https://example.org/depth.html},\n", "", OTHER), "neither"),
    (bad_links, edited("10.1000/182", "https://doi.org/10.1000/182"), "doi"),
    (bad_links, edited("cs/9901001", "arXiv:9901001"), "eprint"),
    (bad_links, edited("https://example.org/depth.html", "example.org", OTHER), "url"),
    (bad_links, edited("  archiveprefix = {arXiv},\n", ""), "archiveprefix"),
    (bad_keys, edited("doe1999word", "Doe_word"), "form"),
    (bad_keys, edited("doe1999word", "doe1998word"), "year is 1999"),
])
def test_rules_for_entries_fail_on(rule, bad, says):
    problems = rule(parse(bad))
    assert len(problems) == 1
    assert says in problems[0]


def test_rules_for_citations_fail_on_bad_examples():
    entries = parse(GOOD + OTHER)
    assert missing({"doe1999word", "roe2001", "poe1845raven"}, entries) == [
        "poe1845raven: cited, but not in references.bib"
    ]
    assert unused({"doe1999word"}, entries) == [
        "roe2001: neither cited nor marked keywords = {source}"
    ]
    assert len(unused(set(), entries)) == 2
    source = parse(edited("year", "keywords = {source, document},\n  year"))
    assert unused(set(), source) == []
    assert len(unlisted_documents(set(), source)) == 1


@pytest.mark.parametrize(("markdown", "expected"), [
    ("See {cite}`doe1999word`.", {"doe1999word"}),
    ("{cite:t}`doe1999word, roe2001` and {cite:ps}`poe1845raven`",
     {"doe1999word", "roe2001", "poe1845raven"}),
    ("{cite}`{see}doe1999word{page 3}`", {"doe1999word"}),
    ("No role: `doe1999word`", set()),
    ("```md\n{cite}`doe1999word`\n```\n{cite}`roe2001`", {"roe2001"}),
    (":::{note}\n{cite}`doe1999word`\n:::", {"doe1999word"}),
])
def test_cited_keys(markdown, expected):
    assert cited_keys(markdown) == expected


def test_pages_read_markdown_and_notebooks(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "BOOK", tmp_path)
    (tmp_path / "part").mkdir()
    (tmp_path / "_build").mkdir()
    (tmp_path / "part" / "page.md").write_text("{cite}`doe1999word`")
    (tmp_path / "_build" / "page.md").write_text("{cite}`poe1845raven`")
    cells = [
        {"cell_type": "markdown", "source": ["Text\n", "{cite}`roe2001`"]},
        {"cell_type": "code", "source": ["'{cite}`poe1845raven`'"]},
    ]
    (tmp_path / "part" / "chapter.ipynb").write_text(json.dumps({"cells": cells}))
    found = {name: cited_keys(markdown) for name, markdown in pages()}
    assert sorted(map(tuple, found.values())) == [("doe1999word",), ("roe2001",)]
