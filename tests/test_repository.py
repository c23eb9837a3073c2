"""The repository's address: every form that people write, and every place that it stands."""

import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import yaml
from sphinx.errors import ConfigError

from bookkit import repository
from bookkit.chapters import ROOT
from bookkit.sphinx import addresses

FORK = "https://github.com/You/your-fork"


@pytest.mark.parametrize("form", [
    FORK, f"{FORK}/", f"{FORK}.git", f"{FORK}.git/", f" {FORK}\n", "http://github.com/You/your-fork",
    "https://www.github.com/You/your-fork", "https://GitHub.com/You/your-fork",
    "github.com/You/your-fork", "You/your-fork", "You/your-fork.git",
    "git@github.com:You/your-fork.git", "git@github.com:You/your-fork",
    "ssh://git@github.com/You/your-fork.git", "ssh://git@github.com:22/You/your-fork.git",
    "git://github.com/You/your-fork.git", "git+https://github.com/You/your-fork.git",
    "https://token@github.com/You/your-fork.git", f"{FORK}/tree/main/book", f"{FORK}#readme",
    f"{FORK}?tab=readme-ov-file",
])
def test_every_form_of_an_address_on_github(form):
    assert repository.normal(form) == FORK
    assert repository.website(repository.normal(form)) == "https://you.github.io/your-fork/"


@pytest.mark.parametrize("form, url", [
    ("https://gitlab.com/a/group/fork.git", "https://gitlab.com/a/group/fork"),
    ("git@gitlab.com:a/group/fork.git", "https://gitlab.com/a/group/fork"),
    ("https://gitlab.com/a/fork/-/tree/main", "https://gitlab.com/a/fork"),
    ("ssh://git@git.example.org:2222/you/fork.git", "https://git.example.org/you/fork"),
    ("git@codeberg.org:you/fork.git", "https://codeberg.org/you/fork"),
])
def test_other_hosts(form, url):
    assert repository.normal(form) == url
    assert repository.website(url) is None and repository.limits(url)


@pytest.mark.parametrize("form", [
    "", "fork", "github.com", "https://github.com/you", "https://github.com/you/.git",
    "you/fork name", "ftp://github.com/you/fork", "file:///a/b", "/a/b", "https://a.example",
])
def test_what_is_no_address_is_refused(form):
    with pytest.raises(ValueError, match="expected"):
        repository.normal(form)


def test_the_home_page_of_an_account_has_no_folder():
    home = repository.website("https://github.com/You/you.github.io")
    assert home == "https://you.github.io/"


def test_a_clone_is_a_folder_of_the_new_name():
    old, new = ("https://a.example/x/book", "https://s/"), ("https://b.example/y/copy", "https://t/")
    text = "$ git clone https://a.example/x/book\n$ cd book\n(cd book-two) cd book/src https://s/a"
    assert repository.rewritten(text, old, new) == (
        "$ git clone https://b.example/y/copy\n$ cd copy\n(cd book-two) cd book/src https://t/a")


def copies(folder):
    """A copy of every file that may name the repository."""
    files = [p for pattern in ("*.*", "book/**/*", ".github/**/*", "src/**/*.*")
             for p in ROOT.glob(pattern)]
    kinds = {".md", ".ipynb", ".yml", ".py", ".toml", ".cff"}
    for path in files:
        if path.suffix in kinds and ".ipynb_checkpoints" not in path.parts:
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)


def rewrite(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "bookkit", "repository", *arguments],
        capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(folder / "src")},
    )


def test_a_new_address_reaches_every_file(tmp_path):
    copies(tmp_path)
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    old = [config["repository"]["url"], config["html"]["baseurl"], "cd infinite-width\n"]
    run = rewrite(tmp_path, f"{FORK}.git")
    assert run.returncode == 0, run.stderr
    left = [p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()
            and "__pycache__" not in p.parts and any(a in p.read_text("utf-8") for a in old)]
    assert left == []
    new = yaml.safe_load((tmp_path / "_config.yml").read_text("utf-8"))
    assert new["repository"]["url"] == FORK
    assert new["html"]["baseurl"] == "https://you.github.io/your-fork/"
    assert new["sphinx"]["config"]["ogp_site_url"] == new["html"]["baseurl"]


def test_another_host_has_to_say_where_the_website_is(tmp_path):
    copies(tmp_path)
    run = rewrite(tmp_path, "git@codeberg.org:you/fork.git")
    assert run.returncode and "SITE=" in run.stderr
    run = rewrite(tmp_path, "git@codeberg.org:you/fork.git", "--site", "https://you.example/book")
    assert run.returncode == 0 and "Colab" in run.stdout
    config = yaml.safe_load((tmp_path / "_config.yml").read_text("utf-8"))
    assert config["html"]["baseurl"] == "https://you.example/book/"
    assert rewrite(tmp_path, "you").returncode


# ---- In the build ----


def configured(url="https://github.com/a/b", site="https://a.example/own/"):
    theme = {"repository_url": url, "use_issues_button": True,
             "launch_buttons": {"colab_url": "https://c.example", "binderhub_url": "https://d"}}
    return SimpleNamespace(html_theme_options=theme, html_baseurl=site, ogp_site_url=site)


@pytest.fixture
def environment(monkeypatch):
    for name in ("REPOSITORY_URL", "SITE_URL"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch.setenv


def test_the_build_takes_the_configured_addresses(environment):
    config = configured()
    environment("SITE_URL", "")  # as the workflow sets it where the variable is not defined
    addresses.set_addresses(None, config)
    assert config.html_baseurl == config.ogp_site_url == "https://a.example/own/"
    assert config.html_theme_options == configured().html_theme_options


def test_the_build_takes_the_addresses_of_the_environment(environment):
    environment("REPOSITORY_URL", f"{FORK}.git")
    config, text = configured(), ["see https://github.com/a/b/issues\n$ cd b\n"]
    addresses.set_addresses(None, config)
    assert config.html_theme_options["repository_url"] == FORK
    assert config.html_baseurl == config.ogp_site_url == "https://you.github.io/your-fork/"
    addresses.rewrite(SimpleNamespace(config=config), "page", text)
    assert text == [f"see {FORK}/issues\n$ cd your-fork\n"]
    environment("SITE_URL", "https://book.example")
    config = configured()
    addresses.set_addresses(None, config)
    assert config.html_baseurl == "https://book.example/"


@pytest.mark.parametrize("url, site", [("nonsense", ""), ("https://gitlab.com/a/b", "")])
def test_the_build_refuses_addresses_that_lead_nowhere(environment, url, site):
    environment("REPOSITORY_URL", url)
    environment("SITE_URL", site)
    with pytest.raises(ConfigError):
        addresses.set_addresses(None, configured())


@pytest.mark.parametrize("host, issues, provider", [
    ("github.com", True, None), ("gitlab.com", True, None), ("bitbucket.org", False, None),
    ("codeberg.org", False, "gitlab"),
])
def test_hosts_get_the_buttons_that_work_there(environment, host, issues, provider):
    config = configured(f"https://{host}/a/b")
    addresses.set_addresses(None, config)
    theme = config.html_theme_options
    assert ("colab_url" in theme["launch_buttons"]) == (host == "github.com")
    assert theme["use_issues_button"] == issues and theme.get("repository_provider") == provider
