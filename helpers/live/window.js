// a picture with a window that one moves: what kernel.js and patch.js share. No library, no network.

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  if (["button", "input", "select"].includes(tag)) node.setAttribute("data-lm-suppress-shortcuts", "true"); // keys are ours
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

function paint(canvas, view, [height, width]) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  bytesOf(view).forEach((grey, i) => image.data.set([grey, grey, grey, 255], 4 * i));
  context.putImageData(image, 0, 0);
}

// Lab sends the newest value only, when Python has answered the last one.
function set(model, trait, value) {
  model.set(trait, value);
  model.save_changes();
}

// The picture, whose window follows the traits `place` and `side`; `canvas` waits for `paint`.
function windowed(model, title) {
  const canvas = make("canvas", { role: "img", "aria-label": title });
  const frame = make("div", { class: "frame", tabindex: 0, role: "slider", "aria-label": "window on the picture", "data-lm-suppress-shortcuts": "true" });
  const ground = make("div", { class: "ground" }, canvas, frame);
  const put = (row, column) => {
    const [height, width] = model.get("shape"), side = model.get("side");
    const within = (at, size) => Math.round(Math.min(size - side, Math.max(0, at)));
    set(model, "place", [within(row, height), within(column, width)]);
  };
  const follow = (event) => {
    const box = ground.getBoundingClientRect(), [height, width] = model.get("shape"), half = model.get("side") / 2;
    put(((event.clientY - box.top) / box.height) * height - half, ((event.clientX - box.left) / box.width) * width - half);
  };
  ground.addEventListener("pointerdown", (event) => { ground.setPointerCapture(event.pointerId); follow(event); });
  ground.addEventListener("pointermove", (event) => { if (ground.hasPointerCapture(event.pointerId)) follow(event); });
  frame.addEventListener("keydown", (event) => {
    const by = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!by) return;
    event.preventDefault();
    const [row, column] = model.get("place"), step = Math.max(1, Math.round(model.get("side") / 8));
    put(row + step * by[0], column + step * by[1]);
  });
  const show = () => {
    const [height, width] = model.get("shape"), [row, column] = model.get("place"), side = model.get("side");
    Object.assign(frame.style, { top: `${(100 * row) / height}%`, left: `${(100 * column) / width}%`, width: `${(100 * side) / width}%`, height: `${(100 * side) / height}%` });
    frame.setAttribute("aria-valuenow", row * width + column);
    frame.setAttribute("aria-valuemin", 0);
    frame.setAttribute("aria-valuemax", height * width);
    frame.setAttribute("aria-valuetext", `row ${row}, column ${column}, ${side} pixels wide`);
  };
  return { node: make("figure", {}, ground, make("figcaption", {}, title)), canvas, show };
}

// A panel: what to draw when Python says something, and the line of an error.
function panel({ model, el }, node, traits, show, hear) {
  const asleep = make("p", {}, "Run this cell to bring the panel to life.");
  const error = make("p", { class: "error", role: "alert" });
  node.prepend(asleep);
  node.append(error);
  el.append(node);
  const redraw = () => {
    show();
    error.textContent = model.get("error");
    node.classList.toggle("wrong", Boolean(model.get("error")));
  };
  const heard = { "msg:custom": (message, buffers) => { asleep.hidden = true; hear(message, buffers); } };
  for (const trait of ["place", "side", "error", ...traits]) heard[`change:${trait}`] = redraw;
  for (const [event, react] of Object.entries(heard)) model.on(event, react);
  redraw();
  model.send({ do: "hello" });
  return () => { for (const [event, react] of Object.entries(heard)) model.off(event, react); };
}
