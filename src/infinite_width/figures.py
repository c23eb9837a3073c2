"""The look of the figures: one style, colour by width, alt text, a player over frames."""

import base64
import hashlib
import html
import io
import json
import re
from collections.abc import Callable, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from matplotlib.figure import Figure

from infinite_width import typeset

THEORY = "black"
"""Colour of every theory line."""

ACCENTS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
"""For things that are not widths; distinguishable without colour vision (Okabe & Ito)."""

_STYLE = {
    "figure.figsize": (6.4, 3.6),
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.prop_cycle": mpl.cycler(color=ACCENTS),
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
}


def setup() -> None:
    """Set Matplotlib's defaults to the book's style, for this session."""
    mpl.rcParams.update(_STYLE)


def width_colors(widths: Sequence[int]) -> dict[int, tuple[float, float, float, float]]:
    """A colour for each width, light for narrow and dark for wide, on a logarithmic scale.

    Raises:
        ValueError: `widths` is empty or holds a number below 1.

    Example:
        >>> light, dark = width_colors([4, 1024]).values()
        >>> bool(sum(light[:3]) > sum(dark[:3]))
        True
    """
    if len(widths) == 0 or min(widths) < 1:
        raise ValueError(f"widths: expected one or more numbers >= 1; got {list(widths)}")
    logs = np.log(np.asarray(widths, float))
    span = logs.max() - logs.min()
    position = (logs - logs.min()) / span if span > 0 else np.ones_like(logs)
    return {w: plt.cm.viridis_r(0.08 + 0.8 * p) for w, p in zip(widths, position, strict=True)}


def _png(figure, dpi):
    buffer = io.BytesIO()
    # Without the Software entry the bytes depend on the drawing alone.
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def show(
    figure: Figure,
    *,
    alt: str | None = None,
    caption: str | None = None,
    name: str | None = None,
    dpi: float = 150,
) -> None:
    """Show a figure with its alt text and its caption, and close it.

    The alt text, caption and name travel in the output's metadata; when a chapter of the book
    is executed they are copied to where the website reads them. A chapter needs all three.

    Args:
        figure: What to show.
        alt: What a reader who cannot see it needs to know: the axes and the message.
        caption: One or two sentences under the figure; may hold ``$…$``.
        name: Label for references, such as "fig-kurtosis".
        dpi: Resolution.

    Raises:
        ValueError: `alt` or `caption` says too little (under 20 characters), or `name` does
            not start with "fig-".
    """
    _demand_sentences(alt=alt, caption=caption)
    if name is not None:
        _demand_name("fig", name)
    data = _png(figure, dpi)
    plt.close(figure)
    texts = {"alt": alt, "caption": caption, "name": name}
    shown = {field: text for field, text in texts.items() if text is not None}
    display({"image/png": base64.b64encode(data).decode(), "text/plain": f"Figure: {alt or name}"},
            raw=True, metadata={"image/png": shown})


def _demand_sentences(**texts):
    for field, text in texts.items():
        if text is not None and len(text.strip()) < 20:
            raise ValueError(f"{field}: expected a sentence; got {text!r}")


def _demand_name(kind, name):
    if not re.fullmatch(rf"{kind}-[a-z0-9-]+", name):
        raise ValueError(f"name: expected '{kind}-' and lower-case words; got {name!r}")


_PLAYER = """<div class="player" id="{id}">
<img alt="{alt}" src="{first}" style="max-width:100%;height:auto">
<div class="player-controls"><label>{label}: <output>{value}</output><br>
<input type="range" min="0" max="{last}" value="{start}" step="1" style="width:100%"></label></div>
{caption}<script>(function() {{
  const box = document.getElementById("{id}"), frames = {frames}, values = {values};
  const show = (i) => {{ box.querySelector("img").src = frames[i];
    box.querySelector("output").textContent = values[i]; }};
  box.querySelector("input").addEventListener("input", (e) => show(+e.target.value));
}})();</script></div>"""


def player(
    draw: Callable[[object], Figure],
    values: Sequence[object],
    *,
    label: str,
    alt: str,
    caption: str | None = None,
    name: str | None = None,
    start: int = 0,
    dpi: float = 80,
) -> None:
    """Show one frame for each value, with a slider that works without a kernel.

    Args:
        draw: Makes the figure for one value; keep its axes fixed.
        values: What the slider runs over; shown as text.
        label: What the slider changes.
        alt: Alt text for all frames.
        caption: One or two sentences under the slider; may hold ``$…$``.
        name: Identifier, starting with "player-"; without one, it is made from the frames.
        start: Index of the frame that is shown first.
        dpi: Resolution; all frames together must stay below 1.5 MB.

    Raises:
        ValueError: The frames weigh more than 1.5 MB, `alt` or `caption` says too little (under
            20 characters), `name` does not fit, or `start` is not an index of `values`.
    """
    _demand_sentences(alt=alt, caption=caption)
    if name is not None:
        _demand_name("player", name)
    if not 0 <= start < len(values):
        raise ValueError(f"start: expected an index below {len(values)}; got {start}")
    frames = []
    for value in values:
        figure = draw(value)
        frames.append("data:image/png;base64," + base64.b64encode(_png(figure, dpi)).decode())
        plt.close(figure)
    weight = sum(map(len, frames))
    if weight > 1_500_000:
        raise ValueError(f"values: expected frames of at most 1.5 MB together; got "
                         f"{weight / 1e6:.2f} MB")
    if name is None:
        name = f"player-{hashlib.sha256(''.join(frames).encode()).hexdigest()[:12]}"
    text = [str(value) for value in values]
    note = "" if caption is None else f'<p class="player-caption">{typeset.html(caption)}</p>\n'
    display(HTML(_PLAYER.format(
        id=name, alt=html.escape(alt), label=typeset.html(label), caption=note,
        first=frames[start], value=html.escape(text[start]), start=start, last=len(values) - 1,
        frames=frames, values=_script(text),
    )))


def _script(values):
    """Texts as a JavaScript array that cannot end the script element."""
    return json.dumps(values, ensure_ascii=False).replace("<", "\\u003c")
