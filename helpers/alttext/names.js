// ipywidgets gives its sliders no accessible name and tells nobody that a line has changed. This adds
// what is missing to the widgets on the page, and to those that come later. In Lab's dark theme,
// figures without a picture become light on dark, each hue as it was; pictures stay as they are.
// And Lab's own shortcuts with Ctrl work in our panels.
(() => {
  if (window.workbookNames) return;
  const set = (node, name, value) => {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  };
  const label = () => {
    for (const box of document.querySelectorAll(":is(.widget-inline-hbox, .widget-inline-vbox)")) {
      const name = box.querySelector(".widget-label")?.textContent.trim();
      if (!name) continue;
      for (const part of box.querySelectorAll("[role=slider]")) set(part, "aria-label", name);
      for (const part of box.querySelectorAll(".widget-readout[contenteditable]")) {
        set(part, "role", "textbox");
        set(part, "aria-label", `${name}, value`);
      }
    }
    // A field without a label beside it has its question as the tooltip.
    for (const field of document.querySelectorAll(".jupyter-widgets :is(input, select)[title]")) {
      if (field.title && !field.labels?.[0]?.textContent) set(field, "aria-label", field.title);
    }
    for (const words of document.querySelectorAll(".workbook-alt")) {
      const picture = words.previousElementSibling;
      if (picture?.tagName === "IMG") set(picture, "alt", words.textContent.trim());
    }
    for (const line of document.querySelectorAll(".workbook-status .widget-html-content")) {
      set(line, "role", "status");
      set(line, "aria-live", "polite");
    }
  };
  const style = document.createElement("style");
  style.textContent = `[data-jp-theme-light="false"] img.workbook-chart {
    filter: invert(.93) hue-rotate(180deg);
  }`;
  document.head.append(style);
  // Panels keep keys from Lab. While Ctrl (or Cmd) is held they do not: Ctrl+S saves the notebook.
  const KEPT = "data-lm-suppress-shortcuts";
  let lender = null;
  const isHeld = (event) => event.key === "Control" || event.key === "Meta";
  const giveBack = () => { lender?.setAttribute(KEPT, "true"); lender = null; };
  addEventListener("keydown", (event) => {
    if (!isHeld(event) || lender) return;
    lender = document.activeElement?.closest(`[${KEPT}]`);
    lender?.removeAttribute(KEPT);
  }, true);
  addEventListener("keyup", (event) => { if (isHeld(event)) giveBack(); }, true);
  addEventListener("blur", giveBack);
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; label(); });
  };
  window.workbookNames = new MutationObserver(later);
  window.workbookNames.observe(document.body, {
    childList: true, subtree: true, characterData: true,
  });
  label();
})();
