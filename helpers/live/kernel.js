// --- kernel -> response: click a weight, move the window; Python computes the rest -----------------

function render({ model, el }) {
  const picture = windowed(model, "the picture");
  const map = make("canvas", { role: "img", "aria-label": "what the kernel finds" }), spot = make("div", { class: "spot" });
  const mapCaption = make("figcaption"), cells = make("div", { class: "cells", role: "group", "aria-label": "weights of the kernel" });
  const select = make("select", {}, ...model.get("names").map((name) => make("option", { value: name }, name)));
  select.addEventListener("change", () => set(model, "chosen", select.value));
  const says = make("p", { role: "status", "aria-live": "polite" });
  const node = make("div", { class: "wb-window", role: "group", "aria-label": "A kernel on a picture" },
    make("label", {}, "Kernel: ", select),
    make("div", { class: "side-by-side" }, picture.node, make("div", {}, cells, says), make("figure", {}, make("div", { class: "ground" }, map, spot), mapCaption)));
  const click = (row, column) => {
    const kernel = model.get("kernel").map((weights) => [...weights]), size = model.get("unit");
    kernel[row][column] = kernel[row][column] < -size / 2 ? 0 : kernel[row][column] < size / 2 ? size : -size;
    set(model, "kernel", kernel);
  };
  const short = (value) => String(Number(value.toFixed(2)));

  function show() {
    picture.show();
    const kernel = model.get("kernel"), patch = model.get("patch"), count = kernel.length, limit = Math.max(1e-9, ...kernel.flat().map(Math.abs));
    select.value = model.get("chosen");
    cells.style.gridTemplateColumns = `repeat(${count}, 50px)`;
    while (cells.childElementCount > count * count) cells.lastChild.remove();
    while (cells.childElementCount < count * count) {
      const button = make("button", {}, make("b"), make("br"), make("span"));
      button.addEventListener("click", () => {
        const i = [...cells.children].indexOf(button), side = model.get("side");
        click(Math.floor(i / side), i % side);
      });
      cells.append(button);
    }
    [...cells.children].forEach((button, i) => {
      const row = Math.floor(i / count), column = i % count, weight = kernel[row][column], share = Math.abs(weight) / limit, pixel = patch[row]?.[column] ?? 0;
      button.style.background = weight < 0 ? `rgb(${255 - 120 * share}, ${255 - 70 * share}, 255)` : `rgb(255, ${255 - 90 * share}, ${255 - 110 * share})`;
      button.style.color = "#111";
      button.children[0].textContent = short(weight);
      button.children[2].textContent = `× ${short(pixel)}`;
      button.setAttribute("aria-label", `weight ${short(weight)}, row ${row + 1}, column ${column + 1}; times pixel ${short(pixel)}`);
    });
    const [height, width] = model.get("shape"), [row, column] = model.get("place"), [low, high] = model.get("limits");
    spot.style.top = `${(100 * (row + 0.5)) / (height - count + 1)}%`;
    spot.style.left = `${(100 * (column + 0.5)) / (width - count + 1)}%`;
    says.textContent = `The ${count * count} products add up to ${short(model.get("total"))}.`;
    mapCaption.textContent = `what it finds: ${low.toFixed(1)} (dark) to ${high.toFixed(1)} (bright)`;
  }
  return panel({ model, el }, node, ["kernel", "chosen", "patch", "total", "limits"], show, (message, buffers) => {
    if (message.picture) paint(picture.canvas, buffers[1], message.picture);
    paint(map, buffers[0], message.map);
  });
}

export default { render };
