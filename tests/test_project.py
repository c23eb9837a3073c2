"""The project's own files agree with each other: commands, versions, workflows, layout."""

import re
import subprocess
import tomllib
from importlib.util import find_spec

import pytest
import yaml

from bookkit import __main__ as commands
from bookkit.chapters import ROOT
from bookkit.environments import name_of
from bookkit.suite import package_tests

MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
TARGETS = set(re.findall(r"(?m)^([a-z]+):", MAKEFILE))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
PAGES = [*ROOT.glob("*.md"), *(ROOT / "book").glob("*.md"), *(ROOT / ".github").rglob("*.md")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.txt").read_text("utf-8")


def tracked(*patterns):
    """Files of the project, without what was built or installed; all of them without git."""
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard", *patterns],
                            cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:  # not a clone
        return [p for folder in ("src", "tests", "book") for p in (ROOT / folder).rglob("*.*")]
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def made(text):
    """Targets that a text tells people or machines to make."""
    shown = re.findall(r"`make ([a-z]+)|^\$? *(?:[A-Z_]+=\S+ )*make ([a-z]+)|run: make ([a-z]+)",
                       text, re.MULTILINE)
    return {name for names in shown for name in names if name}


def steps(workflow):
    """All steps of a workflow."""
    jobs = yaml.safe_load(workflow.read_text("utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_help_lists_every_target():
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True)
    assert set(re.findall(r"(?m)^  make (\w+)", shown.stdout)) == TARGETS
    assert set(re.search(r"(?m)^\.PHONY: (.*)$", MAKEFILE)[1].split()) == TARGETS


def test_targets_call_commands_that_exist():
    called = set(re.findall(r"-m bookkit (\w+)", MAKEFILE))
    assert called and called <= set(commands.COMMANDS)
    assert [name for name in commands.COMMANDS if find_spec(f"bookkit.{name}") is None] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_name_targets_and_commands_that_exist(page):
    text = page.read_text("utf-8")
    assert made(text) <= TARGETS
    assert set(re.findall(r"-m bookkit (\w+)", text)) <= set(commands.COMMANDS)


def test_a_target_that_does_not_exist_is_seen():
    assert made("`make no`, `make book X=1`\n$ A=1 make nothing\n- run: make none\nmake it\n") == {
        "no", "book", "nothing", "none", "it"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_workflows_call_what_exists(workflow):
    text = workflow.read_text("utf-8")
    parsed = yaml.safe_load(text)
    assert made(text) <= TARGETS
    assert set(re.findall(r"-m bookkit (\w+)", text)) <= set(commands.COMMANDS)
    for path in re.findall(r"(?:tests|\.ci|src)/[\w./-]+", text):
        assert (ROOT / path).exists(), path
    # Nothing is allowed that is not asked for, and no job runs for ever.
    assert parsed["permissions"] == {"contents": "read"}
    assert all("timeout-minutes" in job for job in parsed["jobs"].values())
    for job in parsed["jobs"].values():
        assert set(job.get("needs", [])) <= set(parsed["jobs"]) or job["needs"] in parsed["jobs"]
    for step in steps(workflow):
        assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))


def test_the_version_is_one():
    version = PROJECT["project"]["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == version
    assert f'__version__ = "{version}"' in (ROOT / "src/infinite_width/__init__.py").read_text()
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## [{version}] - {citation['date-released']}\n" in changes
    headings = re.findall(r"(?m)^## \[(.+?)\]", changes)
    assert headings[0] == "Unreleased" and headings == re.findall(r"(?m)^\[(.+?)\]: ", changes)


def test_no_path_is_edited():
    edit = "sys." + "path"  # so that this line is none
    files = [p for p in tracked() if p.suffix in (".py", ".ipynb", ".sh", ".cfg", ".toml", ".yml")]
    assert len(files) > 80
    assert [p for p in files if edit in p.read_text("utf-8")] == []


def test_modules_are_short():
    long = {p.relative_to(ROOT).as_posix(): n for p in (ROOT / "src").rglob("*.py")
            if (n := len(p.read_text("utf-8").splitlines())) > 250}
    assert long == {}


def test_readers_install_no_machinery():
    sources = (ROOT / "src/infinite_width").glob("*.py")
    assert [p for p in sources if re.search(r"(?m)^\s*(from|import) bookkit", p.read_text())] == []
    assert PROJECT["tool"]["setuptools"]["packages"]["find"]["include"] == ["infinite_width*"]


def test_the_package_is_tested_without_the_machinery():
    """Its tests also run where only the package and pytest are: `make versions`."""
    tests = [ROOT / name for name in package_tests()]
    needing = r"(?m)^\s*(?:from|import) (?:bookkit|nb|yaml|sphinx|bs4|jupy|playwright)"
    assert tests and [p.name for p in tests if re.search(needing, p.read_text("utf-8"))] == []


def test_the_lock_has_what_pyproject_asks_for_and_no_tensorflow():
    locked = {name_of(line) for line in LOCK.splitlines()}
    extras = PROJECT["project"]["optional-dependencies"].values()
    wanted = [PROJECT["project"]["dependencies"], *extras, *PROJECT["dependency-groups"].values()]
    assert {name_of(requirement) for group in wanted for requirement in group} <= locked
    assert locked.isdisjoint(["tensorflow", "tf2jax"])
    assert all(re.match(r"[\w.-]+==[\w.]+( ; .+)?$", line) for line in LOCK.splitlines())


def test_what_the_package_needs_brings_no_tensorflow():
    assert "neural-tangents" not in {name_of(r) for r in PROJECT["project"]["dependencies"]}


@pytest.mark.parametrize("settings", [".pre-commit-config.yaml", ".github/dependabot.yml",
                                      *(f".github/ISSUE_TEMPLATE/{name}.yml"
                                        for name in ("statement", "run", "teaching"))])
def test_settings_can_be_read(settings):
    assert isinstance(yaml.safe_load((ROOT / settings).read_text("utf-8")), dict)


# ---- The bootstrap, which runs before there is any Python that fits ----


def bootstrap(folder, *python, path):
    """Run the bootstrap in a folder of its own, with nothing but `path` to find programs."""
    (folder / "src/bookkit").mkdir(parents=True)
    script = folder / "src/bookkit/bootstrap.sh"
    script.write_text((ROOT / "src/bookkit/bootstrap.sh").read_text("utf-8"), "utf-8")
    (folder / "requirements.txt").write_text("uv==0\n", "utf-8")
    nothing = {"PATH": path, "HOME": str(folder), "PYENV_ROOT": str(folder)}
    return subprocess.run(["/bin/sh", script, *python], cwd=folder, env=nothing,
                          capture_output=True, text=True)


def programs(folder, **scripts):
    """A folder with these shell scripts and the few programs that the bootstrap calls."""
    folder.mkdir()
    for name in ("dirname", "head", "grep", "rm", "sh"):
        (folder / name).symlink_to(subprocess.run(["which", name], capture_output=True,
                                                  text=True).stdout.strip())
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


OLD = 'case "$1" in --version) echo "Python 3.10.13";; *) exit 1;; esac'


@pytest.mark.parametrize("python, said", [
    ("python3", "'python3' is Python 3.10.13"), ("nothing", "There is no 'nothing'")])
def test_without_a_python_that_fits_the_bootstrap_says_what_to_do(tmp_path, python, said):
    path = programs(tmp_path / "bin", python3=OLD)
    found = bootstrap(tmp_path / "book", python, path=path)
    assert found.returncode == 1 and found.stdout.startswith(said)
    assert "Install Python 3.13, 3.12 or 3.11" in found.stdout
    assert not (tmp_path / "book/.venv").exists()


def test_a_python_of_another_name_that_fits_is_found_and_named(tmp_path):
    new = 'case "$1" in --version) echo "Python 3.12.9";; -c) exit 0;; *) exit 1;; esac'
    path = programs(tmp_path / "bin", python3=OLD, **{"python3.12": new})
    found = bootstrap(tmp_path / "book", path=path)
    assert "'python3' is Python 3.10.13; the book needs Python 3.11" in found.stdout
    assert f"Using {path}/python3.12, which is Python 3.12.9." in found.stdout
    # This one can do nothing but say its version.
    assert "Could not make a virtual environment" in found.stdout and found.returncode == 1
