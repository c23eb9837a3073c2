"""Figures: the same bytes every time, alt text demanded, players small and safe."""

import base64

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from infinite_width import figures

mpl.use("agg")
ALT = "A line that rises from left to right."


@pytest.fixture
def shown(monkeypatch):
    record = []
    monkeypatch.setattr(figures, "display", lambda *a, **k: record.append((a, k)))
    with mpl.rc_context():
        figures.setup()
        yield record
    plt.close("all")


def noise():
    """A picture that does not compress."""
    figure, axis = plt.subplots()
    axis.imshow(np.random.default_rng(0).random((800, 800, 3)), interpolation="none")
    return figure


def line(value=1):
    figure, axis = plt.subplots()
    axis.plot([0, value])
    return figure


def test_show_stores_alt_and_caption_and_is_deterministic(shown):
    for _ in range(2):
        figures.show(line(), alt=ALT, caption="A rising line, drawn twice.", name="fig-line")
    (first,), options = shown[0]
    assert first == shown[1][0][0]
    assert base64.b64decode(first["image/png"]).startswith(b"\x89PNG")
    assert options["metadata"]["image/png"] == {
        "alt": ALT, "caption": "A rising line, drawn twice.", "name": "fig-line"}
    assert not plt.get_fignums()


@pytest.mark.parametrize("changes, message", [
    (dict(alt="a line"), "alt: expected a sentence"),
    (dict(caption=" "), "caption: expected a sentence"),
    (dict(name="line"), "name: expected 'fig-'"),
])
def test_show_bad_input(shown, changes, message):
    good = dict(alt=ALT, caption="A rising line, drawn once.", name="fig-line")
    with pytest.raises(ValueError, match=message):
        figures.show(line(), **{**good, **changes})


def test_player_holds_every_frame(shown):
    figures.player(line, [1, 2, "∞"][:2], label="height", alt=ALT, name="player-line", start=1,
                   caption="A line for each height.")
    html = shown[0][0][0].data
    assert html.count("data:image/png;base64,") == 3  # two frames, and the first one shown
    assert 'max="1" value="1"' in html and "http" not in html
    assert '<p class="player-caption">A line for each height.</p>' in html


@pytest.mark.parametrize("changes, message", [
    (dict(name="line"), "name: expected 'player-'"),
    (dict(caption=""), "caption: expected a sentence"),
    (dict(start=2), "start: expected an index below 2"),
    (dict(draw=lambda _: noise()), "values: expected frames of at most 1.5 MB"),
])
def test_player_bad_input(shown, changes, message):
    good = dict(draw=line, values=[1, 2], label="height", alt=ALT, name="player-line", dpi=200,
                caption="A line for each height.")
    with pytest.raises(ValueError, match=message):
        figures.player(**{**good, **changes})


def test_width_colors_run_from_light_to_dark():
    colors = figures.width_colors([4, 64, 1024])
    brightness = [sum(color[:3]) for color in colors.values()]
    assert brightness == sorted(brightness, reverse=True)
    assert len(figures.width_colors([8])) == 1
    with pytest.raises(ValueError, match="widths: expected one or more numbers >= 1"):
        figures.width_colors([0, 4])
