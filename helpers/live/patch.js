// --- patch -> probabilities: hide a part of the picture; Python asks the network --------------------

function render({ model, el }) {
  const picture = windowed(model, "drag the grey patch");
  picture.node.classList.add("hides");
  const size = make("input", { type: "range", min: model.get("sides")[0], max: model.get("sides")[1], step: 1 });
  size.addEventListener("input", () => set(model, "side", Number(size.value)));
  const bars = make("div", { class: "bars" }), says = make("p", { role: "status", "aria-live": "polite" });
  const rows = model.get("names").map((name) => {
    const parts = { bar: make("div", { class: "bar" }), mark: make("div", { class: "mark" }), percent: make("span") };
    bars.append(make("span", {}, name), make("div", { class: "track" }, parts.bar, parts.mark), parts.percent);
    return parts;
  });
  const node = make("div", { class: "wb-window", role: "group", "aria-label": "A picture with a hidden patch" },
    make("label", {}, "Size of the patch ", size), make("div", { class: "side-by-side" }, picture.node, make("div", {}, bars, says)));

  function show() {
    picture.show();
    if (document.activeElement !== size) size.value = model.get("side");
    size.setAttribute("aria-valuetext", `${model.get("side")} pixels`);
    const whole = model.get("whole"), now = model.get("shares");
    rows.forEach(({ bar, mark, percent }, i) => {
      bar.style.width = `${100 * now[i]}%`;
      mark.style.left = `${100 * whole[i]}%`;
      percent.textContent = `${Math.round(100 * now[i])}%`;
    });
    says.textContent = model.get("says");
  }
  return panel({ model, el }, node, ["shares", "whole", "says"], show, (message, buffers) => paint(picture.canvas, buffers[0], message.picture));
}

export default { render };
