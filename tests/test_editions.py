"""The Colab, student and instructor editions: what they hold, and what must not be seen in them."""

import os
import re
import shutil
import subprocess
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from docutils import nodes

from bookkit import chapters, first_cell, repository
from bookkit import site as site_build
from bookkit.chapters import ROOT
from bookkit.editions import extension, rules
from bookkit.editions import notebooks as making
from bookkit.editions import origin as origins
from bookkit.editions.markdown_lines import Unknown
from bookkit.editions.plain_markdown import Writer, rows
from bookkit.environments import name_of

NAMES = chapters.names()
EDITIONS = ("colab", "student", "instructor")


@pytest.fixture(scope="module")
def folder(site):
    return site / "editions"


@pytest.fixture(scope="module")
def commit(folder):
    """The commit at which the editions were made."""
    return (folder.parent / "binder/lock.txt").read_text("utf-8").split("@")[-1].strip()


@pytest.fixture(scope="module")
def edition(folder):
    return lambda kind, name: chapters.read(folder / kind / f"{name}.ipynb")


each = pytest.mark.parametrize("name", NAMES)


def chapter(name):
    return chapters.read(chapters.path_of(name))


def prose(notebook):
    return "\n\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def outputs(notebook, tag=None):
    return [c.outputs for c in notebook.cells if c.cell_type == "code" and c.source.strip()
            and (tag is None or tag in chapters.tags(c))]


# ---- What must not be seen ----


@pytest.mark.parametrize("kind", EDITIONS)
@each
def test_no_myst_is_left(edition, kind, name):
    assert rules.faults(edition(kind, name)) == []


@pytest.mark.parametrize("planted, found", [
    ("see {cite:p}`neal1996priors`", "a role"),
    ("by {eq}`eq-posterior` and", "a role"),
    ("about {glue:text}`share` %", "a role"),
    ("> :::{admonition} Title", "a directive"),
    (":::", "a directive"),
    ("```{note}\nText\n```", "a directive"),
    (":class: dropdown", "an option"),
    (":label: thm-neal", "an option"),
    ("(random-networks)=\n# Title", "a label"),
    ("$$\nx\n$$ (eq-x)", "an equation's label"),
    ("![picture](https://a.example/b.png){#fig-x}", "an attribute"),
    ("with {{ width }} units", "a substitution"),
    ("as said[^note]", "a footnote"),
    ("one\n\n+++\n\ntwo", "a block break"),
    ("% nobody sees this", "a comment"),
    ("Term\n: its definition", "a definition"),
    ("see [](random_networks.ipynb)", "a target"),
    ("[chapter](../ntk/kernel.ipynb)", "a link that is not absolute"),
    ("[section](#neal-s-argument)", "a link that is not absolute"),
    ('<div class="claim">text</div>', "HTML that Colab drops"),
    ("a **bold.**word and", "emphasis"),
    ("broken $x^2 and", "mathematics"),
    ("| a | b |\n| 1 | 2 |", "a table"),
])
def test_the_scan_finds_what_is_planted(edition, planted, found):
    notebook = edition("colab", NAMES[0])
    notebook.cells[4:4] = [nbformat.v4.new_markdown_cell(planted)]
    assert any(fault.startswith(found) for fault in rules.faults(notebook))


def test_the_scan_finds_the_syntax_of_the_chapters_themselves():
    for name in NAMES:
        seen = {fault.partition(":")[0] for fault in rules.faults(chapter(name))}
        assert {"a role", "a directive", "an option", "a label"} <= seen


def test_the_scan_leaves_code_and_mathematics_alone():
    fine = ["`{ref}` is a role\n\n```python\n{x}`\n(a)=\n```",
            "$\\{x : y\\}$ and\n\n$$ \\{.x\\} $$"]
    assert [rules.myst_in(text) + rules.leftovers_in(text) for text in fine] == [[], []]


# ---- Numbers and places ----


def shown_on_the_site(folder, name):
    page = folder.parent / f"book/{name}.html"
    soup = BeautifulSoup(page.read_text("utf-8"), "html.parser").find("article")
    for link in soup.find_all(class_="headerlink"):
        link.decompose()
    kinds = {"equations": "span.eqno", "sections": "span.section-number",
             "boxes": "span.caption-number"}
    found = {k: [re.sub(r"[().\s]+$|^\(", "", s.get_text()) for s in soup.select(v)]
             for k, v in kinds.items()}
    found["boxes"] = [text for text in found["boxes"] if re.search(r"\d", text)]
    return found


def shown_in(notebook):
    text = prose(notebook)
    box = r"(?m)^(?:> )*(?:\*\*|### )((?:Fig\.|[A-Z][a-z]+) \d+\.\d+)"
    return {"equations": re.findall(r"\\tag\{([\d.]+)\}", text),
            "sections": re.findall(r"(?m)^#+ (\d+(?:\.\d+)*)\. ", text),
            "boxes": re.findall(box, text)}


@each
def test_numbers_are_those_of_the_website(folder, edition, name):
    here, there = shown_in(edition("colab", name)), shown_on_the_site(folder, name)
    assert here["equations"] == there["equations"] and here["equations"]
    assert here["sections"] == there["sections"] and here["sections"]
    assert sorted(here["boxes"]) == sorted(there["boxes"])
    assert any(box.startswith("Exercise") for box in here["boxes"])


@each
def test_links_lead_to_the_website_and_references_are_listed(folder, edition, name):
    text = prose(edition("colab", name))
    config = (ROOT / "_config.yml").read_text("utf-8")
    base = re.search(r"(?m)^  baseurl: (\S+)$", config)[1]
    for path, anchor in set(re.findall(rf"\]\({re.escape(base)}([^)#\s]*)#?([^)\s]*)\)", text)):
        page = folder.parent / (path or "index.html")
        assert page.is_file(), path
        assert not anchor or f'id="{anchor}"' in page.read_text("utf-8"), f"{path}#{anchor}"
    cited = set(re.findall(r"bibliography\.html#(\w+)\)", text))
    listed = text.partition("## References\n")[2].strip().splitlines()
    assert cited and len(listed) == len(cited)


# ---- What each edition holds ----


@pytest.mark.parametrize("kind", EDITIONS)
@each
def test_the_first_cell_installs_and_all_code_is_there(edition, commit, kind, name):
    notebook, source = edition(kind, name), chapter(name)
    nbformat.validate(notebook)
    gone = ("solution",) if kind == "student" else ()
    code = rules.code(source, gone)
    code[0] = first_cell.at(first_cell.cell(source, repository.configured()), commit)
    assert rules.code(notebook) == code
    if kind != "student":
        assert outputs(notebook) == outputs(source)


@each
def test_the_student_edition_has_stubs_and_no_solutions(edition, name):
    notebook, source = edition("student", name), chapter(name)
    stubs = rules.code(source, ["solution"]), len(outputs(source, "exercise"))
    assert stubs[1] >= 4 and len(outputs(notebook, "exercise")) == stubs[1]
    assert not any(outputs(notebook, "exercise")) and not outputs(notebook, "solution")
    kept = [c.outputs for c in source.cells if c.cell_type == "code" and c.source.strip()
            and not {"exercise", "solution"} & set(chapters.tags(c))]
    assert [c.outputs for c in notebook.cells if c.cell_type == "code"
            and "exercise" not in chapters.tags(c)] == kept
    assert "Solution to" not in prose(notebook)
    assert len(prose(notebook)) < len(prose(edition("colab", name)))


@each
def test_the_student_edition_needs_nothing_from_a_solution(edition, name):
    notebook = edition("student", name)
    assert rules.undefined_names(notebook) == []
    notebook.cells.append(nbformat.v4.new_code_cell("print(from_a_solution)"))
    assert rules.undefined_names(notebook) == ["Undefined name `from_a_solution`"]


@each
def test_solutions_are_folded_for_readers_and_open_for_instructors(edition, name):
    colab, open_ = edition("colab", name), edition("instructor", name)
    heads = [c for c in colab.cells if c.source.startswith("#### Solution to Exercise")]
    assert len(heads) == len(outputs(chapter(name), "solution")) >= 4
    assert all(c.metadata["jp-MarkdownHeadingCollapsed"] for c in heads)
    assert colab.metadata["colab"]["collapsed_sections"] == [c.metadata["id"] for c in heads]
    assert all(c.metadata["id"] == c.id for c in heads)
    assert rules.unfolded_solutions(colab) == rules.unfolded_solutions(open_) == []
    assert "collapsed_sections" not in open_.metadata["colab"]
    assert "Collapsed" not in nbformat.writes(open_)


@each
def test_teaching_notes_are_for_instructors(edition, name):
    notes = [c.source for c in chapter(name).cells if "instructor" in chapters.tags(c)]
    shown = [c.source for c in edition("instructor", name).cells
             if "instructor" in chapters.tags(c)]
    assert [re.sub(r"(?m)^> ?", "", text) for text in shown] == notes
    for kind in ("colab", "student"):
        assert "Teaching note" not in nbformat.writes(edition(kind, name))


def test_a_fold_that_swallows_what_follows_is_found(edition):
    notebook = edition("colab", NAMES[0])
    exercises = [c for c in notebook.cells if c.source.startswith("### Exercise")]
    notebook.cells.remove(exercises[-1])
    assert any("folded" in fault for fault in rules.unfolded_solutions(notebook))


@pytest.mark.weekly  # a second build of the site
def test_the_same_input_gives_the_same_bytes(folder):
    again = site_build.build(seed=7).folder / "editions"
    names = sorted(path.relative_to(folder) for path in folder.rglob("*.ipynb"))
    assert len(names) == len(EDITIONS) * len(NAMES)
    assert [n for n in names if (folder / n).read_bytes() != (again / n).read_bytes()] == []


# ---- Addresses ----


@pytest.mark.parametrize("repository, binder", [
    ("https://github.com/you/your-fork", "gh/you/your-fork"),
    ("https://gitlab.com/a/group/fork", "gl/a%2Fgroup%2Ffork"),
    ("https://codeberg.org/you/fork", "git/https%3A%2F%2Fcodeberg.org%2Fyou%2Ffork"),
])
def test_the_buttons_open_the_edition_of_the_repository(repository, binder):
    hosts = {"binderhub_url": "https://binder.example/", "colab_url": "https://colab.example"}
    theme = {"repository_url": repository, "launch_buttons": hosts}
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options=theme, editions_branch="pages"))
    tail = "editions/colab/ntk/linear.ipynb"
    assert extension.launch_addresses(app, "ntk/linear") == {
        "Binder": f"https://binder.example/v2/{binder}/pages?urlpath=lab/tree/{tail}",
        "Colab": f"https://colab.example/github/{repository.split('/', 3)[3]}/blob/pages/{tail}"}


def test_binder_gets_what_the_package_needs_and_the_package(folder, commit):
    place = folder.parent / "binder"
    *locked, package = (place / "lock.txt").read_text("utf-8").splitlines()
    assert package == f"infinite-width @ git+{repository.configured()}@{commit}"
    assert commit == "main" or re.fullmatch("[0-9a-f]{40}", commit)
    needed = first_cell.missing(
        [*first_cell.PROJECT["project"]["dependencies"], *first_cell.EXTRA], ())
    assert {name_of(line) for line in locked} == set(map(name_of, needed))
    assert not any(line.startswith(("tensorflow", "sphinx")) for line in locked)
    assert (place / "postBuild").stat().st_mode & 0o111
    assert (place / "runtime.txt").read_text("utf-8").startswith("python-3.")
    assert not (ROOT / ".binder").exists()  # of two folders, Binder takes this one


@pytest.mark.parametrize("there, package, expected", [
    ("git", {"rev-parse": "", "status": "", "branch": "origin/main"}, ["abc", 0]),
    ("git", {"rev-parse": "", "status": " M x.py", "branch": "origin/main"}, ["abc", 1]),
    ("git", {"rev-parse": "", "status": " M x.py", "branch": ""}, ["abc", 2]),
    ("GITHUB_SHA", {}, ["def", 0]),
    (None, {}, ["main", 1]),
])
def test_where_editions_come_from(monkeypatch, there, package, expected):
    def git(command, *arguments):
        if there != "git":
            return None
        return "abc" if arguments == ("HEAD",) else package[command]

    monkeypatch.setattr(origins, "git", git)
    monkeypatch.delenv("GITHUB_SHA", raising=False)
    if there == "GITHUB_SHA":
        monkeypatch.setenv("GITHUB_SHA", "def")
    found = origins.origin.__wrapped__()
    assert [found.commit, len(found.notes)] == expected


def test_the_site_and_the_editions_are_published_on_the_branch(tmp_path):
    workflow = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text("utf-8"))
    job = workflow["jobs"]["publish"]
    step = job["steps"][-1]
    assert job["permissions"] == {"contents": "write"} and "github.token" in step["env"]["REMOTE"]
    remote, work = tmp_path / "remote.git", tmp_path / "work"
    git = ["git", "-c", "safe.directory=*"]
    subprocess.run([*git, "init", "--quiet", "--bare", remote], check=True)
    for number in ("1", "2"):  # what was published before is replaced
        (work / f"site/editions/{number}").mkdir(parents=True)
        (work / f"site/editions/{number}/a.ipynb").write_text("{}")
        subprocess.run(["bash", "-eu", "-c", step["run"]], cwd=work, check=True,
                       capture_output=True, env=os.environ | {"REMOTE": f"file://{remote}"})
        shutil.rmtree(work)
    assert "SITE_URL" in workflow["jobs"]["build"]["steps"][2]["env"]
    listed = subprocess.run([*git, "-C", remote, "ls-tree", "-r", "--name-only", "gh-pages"],
                            capture_output=True, text=True, check=True).stdout.split()
    assert listed == [".nojekyll", "editions/2/a.ipynb"]


# ---- The parts, on small inputs ----


def small():
    """A chapter of five cells: install, prose, note, exercise, solution."""
    new = nbformat.v4
    cells = [
        new.new_markdown_cell("# Title"),
        new.new_code_cell('REPOSITORY = "https://a.example"', metadata={"tags": ["hide-input"]}),
        new.new_markdown_cell("**Note** $x$\n\n- one", metadata={"tags": ["instructor",
                                                                          "remove-cell"]}),
        new.new_code_cell("secret = 1", metadata={"tags": ["instructor", "remove-cell"]}),
        new.new_code_cell("answer = ...", metadata={"tags": ["exercise"]}),
        new.new_code_cell("answer = 2", metadata={"tags": ["solution"]}),
        new.new_code_cell("helper = 3"),
    ]
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs = [new.new_output("stream", text="shown")]
    notebook = new.new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    pieces = [making.Piece(0, "# Title"), making.Piece(4, "**Fig. 1** caption"),
              making.Piece(5, "#### Solution", solution=True, opens_solution=True),
              making.Piece(5, "Because.", solution=True)]
    return notebook, pieces, {6}


@pytest.mark.parametrize("kind, expected", [
    ("colab", ["REPOSITORY", "# Title", "answer = ...", "**Fig. 1** caption",
               "answer = 2", "#### Solution", "Because.", "helper = 3"]),
    ("student", ["REPOSITORY", "# Title", "answer = ...", "**Fig. 1** caption"]),
    ("instructor", ["REPOSITORY", "# Title", "> **Note** $x$\n>\n> - one", "secret = 1",
                    "answer = ...", "**Fig. 1** caption", "answer = 2", "#### Solution",
                    "Because.", "helper = 3"]),
])
def test_an_edition_holds_its_cells_in_order(kind, expected):
    made = making.make(*small(), kind)
    assert len(made.cells) == len(expected)
    for cell, text in zip(made.cells, expected):
        assert cell.source.startswith(text)
    assert made.cells[0].metadata["cellView"] == "form"
    cleared = [c.source for c in made.cells if c.cell_type == "code" and not c.outputs]
    assert cleared == (["answer = ..."] if kind == "student" else [])


def test_an_edition_installs_at_its_commit():
    made = making.make(*small(), "student", 'REPOSITORY = "https://b.example"')
    assert made.cells[0].source == 'REPOSITORY = "https://b.example"'


@pytest.mark.parametrize("count", [0, 2])
def test_one_cell_has_to_install(count):
    notebook, pieces, solutions = small()
    notebook.cells[1:2] = [notebook.cells[1]] * count
    with pytest.raises(ValueError, match=f"{count} cells install"):
        making.make(notebook, pieces, solutions, "colab")


def write(*children):
    return Writer("https://a.example/b.html", {}, {}, {}).blocks(nodes.container("", *children))


@pytest.mark.parametrize("text, written", [
    ("a*b_c_ [d] <e> $5 `f`", r"a\*b_c\_ \[d\] \<e> \$5 \`f\`"),
    ("snake_case stays", "snake_case stays"),
    ("1. no list", r"1\. no list"),
    ("# no heading", r"\# no heading"),
    ("- no item", r"\- no item"),
    ("two\nlines", "two lines"),
])
def test_texts_are_escaped(text, written):
    assert write(nodes.paragraph(text=text)) == [written]


def test_mathematics_stays_on_one_line_and_opens_no_tag():
    source = "a<b % a comment\n\\\\ c"
    assert write(nodes.math_block(source, source, ids=[])) == [
        r"$$ \begin{aligned} a\lt b \\ c \end{aligned} $$"]
    assert not rows(r"\begin{pmatrix} a \\ b \end{pmatrix}")
    assert rows(r"\begin{pmatrix} a \\ b \end{pmatrix} \\ c")


def test_a_bar_ends_no_cell():
    row = nodes.row("", nodes.entry("", nodes.paragraph("", "", nodes.math("", r"|x| \|y\|"))))
    table = nodes.table("", nodes.tgroup("", nodes.tbody("", row), cols=1))
    assert write(table)[0].splitlines()[-1] == r"| $\vert x\vert  \Vert y\Vert $ |"


def test_an_unknown_node_is_an_error():
    with pytest.raises(Unknown, match="line_block"):
        write(nodes.line_block())
    with pytest.raises(Unknown, match="generated"):
        write(nodes.paragraph("", "", nodes.generated("", "x")))
