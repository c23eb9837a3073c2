"""Figures: the same bytes every time, alt text demanded, players small and safe."""

import base64
import json
import re

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


def test_show_needs_nothing_but_a_figure(shown):
    figures.show(line())
    figures.show(line(), alt=ALT)
    assert [options["metadata"]["image/png"] for _, options in shown] == [{}, {"alt": ALT}]
    assert shown[1][0][0]["text/plain"] == f"Figure: {ALT}"


def test_player_holds_every_frame(shown):
    figures.player(line, [1, 3, 7], label="height", alt=ALT, name="player-line", start=1,
                   caption="A line for each height, up to $n^2$.")
    page = shown[0][0][0].data
    script = re.search(r"frames = (\[.*?\]), values = (\[.*?\]);", page)
    frames, values = json.loads(script[1].replace("'", '"')), json.loads(script[2])
    assert values == ["1", "3", "7"] and len(set(frames)) == 3
    assert all(base64.b64decode(f.partition(",")[2]).startswith(b"\x89PNG") for f in frames)
    assert f'src="{frames[1]}"' in page and 'max="2" value="1"' in page
    assert "<output>3</output>" in page and "src=\"http" not in page
    caption = re.search('<p class="player-caption">(.*)</p>', page)[1]
    assert caption.startswith("A line for each height, up to <math")


def test_player_escapes_its_texts(shown):
    figures.player(line, ["</script><b>", "2"], label="<i> & co", alt='A "quoted" line that rises.')
    page = shown[0][0][0].data
    assert page.count("<script>") == page.count("</script>") == 1
    assert "<b>" not in page and "<i>" not in page and "player-caption" not in page
    assert 'alt="A &quot;quoted&quot; line that rises."' in page
    assert "&lt;i&gt; &amp; co" in page
    values = re.search(r"values = (\[.*?\]);", page)[1]
    assert json.loads(values) == ["</script><b>", "2"]


def test_players_without_a_name_are_told_apart(shown):
    for values in ([1], [2], [1]):
        figures.player(line, values, label="height", alt=ALT)
    first, second, again = (re.search('id="(player-[0-9a-f]+)"', a[0].data)[1] for a, _ in shown)
    assert first == again != second


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
