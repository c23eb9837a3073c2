"""``make book``, ``make serve`` and ``make editions``, on a site that stands for the real one."""

import socket
import sys
import threading
import urllib.request

import pytest

from bookkit import book
from bookkit.site import Build


@pytest.fixture
def built(tmp_path, monkeypatch):
    """Say how a build ends; the folder of its site."""
    folder = tmp_path / "_build/html"
    (folder / "editions/student").mkdir(parents=True)
    (folder / "editions/student/chapter.ipynb").write_text("{}")
    (folder / "index.html").write_text("The book")
    monkeypatch.setattr(book, "SITE", folder)
    monkeypatch.setattr(book, "ROOT", tmp_path)
    monkeypatch.setattr(book, "EDITIONS", folder.parent / "editions")

    def ends(*arguments, status=0):
        monkeypatch.setattr(book, "build_into", lambda out: Build(status, "WARNING: x", folder))
        monkeypatch.setattr(sys, "argv", ["book", *arguments])
        return book.main()

    ends.folder = folder
    return ends


def test_it_says_where_the_site_and_the_editions_are(built, capsys):
    old = built.folder.parent / "editions/colab/gone.ipynb"
    old.parent.mkdir(parents=True)
    old.write_text("{}")
    assert built("--editions") == 0
    said = capsys.readouterr().out
    assert f"{built.folder.as_uri()}/index.html" in said
    assert "The editions are in _build/editions: student.\n" in said
    assert [p.name for p in old.parents[1].rglob("*.ipynb")] == ["chapter.ipynb"]


def test_a_build_that_fails_shows_its_messages(built, capsys):
    assert built("--editions", status=1) == 1
    assert "WARNING: x\nThe build failed" in capsys.readouterr().out


def test_the_site_is_served_and_a_busy_port_is_named(built):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Port {port} is busy. .* PORT={port + 1}"):
            book.serve(port)
    threading.Thread(target=book.serve, args=(port,), daemon=True).start()
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
                assert page.read() == b"The book"
            break
        except urllib.error.URLError:
            threading.Event().wait(0.1)
    else:
        pytest.fail("nothing is served")
