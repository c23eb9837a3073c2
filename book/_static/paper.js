// On paper, derivations are unfolded and colours are light; solutions stay folded. The screen is
// as before once the page is printed.
(() => {
  const root = document.documentElement;
  let restore = null;

  const before = () => {
    if (restore) return;
    const theme = root.dataset.theme;
    const folds = document.querySelectorAll(
      ":is(details.folded-proof, details.sd-dropdown):not([open])");
    const boxes = document.querySelectorAll(".admonition.toggle-hidden:not(.solution)");
    root.dataset.theme = "light";
    folds.forEach((fold) => { fold.open = true; });
    boxes.forEach((box) => box.classList.remove("toggle-hidden"));
    restore = () => {
      root.dataset.theme = theme;
      folds.forEach((fold) => { fold.open = false; });
      boxes.forEach((box) => box.classList.add("toggle-hidden"));
    };
  };
  const after = () => {
    restore?.();
    restore = null;
  };

  addEventListener("beforeprint", before);
  addEventListener("afterprint", after);
  matchMedia("print").addEventListener("change", (event) => event.matches ? before() : after());
})();
