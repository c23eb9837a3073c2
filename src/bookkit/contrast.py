"""Text that is hard to read: contrast below the 4.5 of WCAG's level AA, found in a browser."""

from playwright.sync_api import Page

FAINT = """(paper) => {
    const canvas = document.createElement("canvas").getContext("2d", {
        willReadFrequently: true, colorSpace: "srgb" });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, under) =>
        [0, 1, 2].map(i => top[3] * top[i] + (1 - top[3]) * under[i]).concat(1);
    const background = (element) => {
        const layers = [];
        for (let up = paper ? null : element; up; up = up.parentElement) {
            const colour = rgba(getComputedStyle(up).backgroundColor);
            layers.push(colour);
            if (colour[3] === 1) break;
        }
        return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
    };
    const luminance = (colour) => colour.slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const faults = new Set();
    const walker = document.createTreeWalker(
        document.querySelector(".bd-article"), NodeFilter.SHOW_TEXT);
    for (let node; (node = walker.nextNode());) {
        const element = node.parentElement;
        if (!node.data.trim() || !element.checkVisibility({ visibilityProperty: true }))
            continue;
        if (element.closest("mjx-assistive-mml, script, style, .headerlink")) continue;
        const under = background(element);
        const text = over(rgba(getComputedStyle(element).color), under);
        const [low, high] = [luminance(under), luminance(text)].sort((a, b) => a - b);
        const ratio = (high + 0.05) / (low + 0.05);
        if (ratio < 4.5)
            faults.add(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: `
                + node.data.trim().slice(0, 40));
    }
    return [...faults].slice(0, 12);
}"""


def faults(tab: Page, *, paper: bool = False) -> list[str]:
    """Find faint text in an article, each with its contrast; not more than twelve.

    Args:
        tab: An open page.
        paper: Whether to look at text on white, since browsers print no backgrounds.
    """
    return tab.evaluate(FAINT, paper)
