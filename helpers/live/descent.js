// start -> path: drag where gradient descent begins; Python computes the path. No library, no network.

const WIDTH = 620, HEIGHT = 250, STEP_MS = 40;
const NS = "http://www.w3.org/2000/svg";

function make(tag, attributes, ...children) {
  const node = tag in { svg: 1, path: 1, circle: 1, text: 1, g: 1 } ? document.createElementNS(NS, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A slider of a trait; of a logarithmic one, the position is the power of ten.
function slider(model, trait, label, low, high, isLog) {
  const id = `wb-drag-${trait}-${Math.random().toString(36).slice(2)}`;
  const input = make("input", { id, type: "range", min: low, max: high, step: isLog ? 0.02 : 0.01, "data-lm-suppress-shortcuts": "true" });
  const output = make("span", { class: "value", "aria-hidden": "true" }); // the slider says it itself
  const show = () => {
    const value = model.get(trait);
    if (document.activeElement !== input) input.value = isLog ? Math.log10(value) : value;
    output.textContent = String(Number(value.toPrecision(2)));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  input.addEventListener("input", () => {
    const value = Number(input.value);
    model.set(trait, isLog ? Number((10 ** value).toPrecision(3)) : value);
    model.save_changes(); // Lab sends the newest value only, when Python has answered the last one
    show();
  });
  show();
  return [make("div", { class: "row" }, make("label", { for: id }, label), input, output), show];
}

function render({ model, el }) {
  const [left, right, bottom, top] = model.get("limits");
  const x = (value) => Math.max(-999, Math.min(2000, ((value - left) / (right - left)) * WIDTH));
  const y = (value) => Math.max(-999, Math.min(2000, (1 - (value - bottom) / (top - bottom)) * HEIGHT));
  const line = (points) => (points.length ? "M" + points.map(([a, b]) => `${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("L") : "");

  const levels = model.get("lines").map((points) => make("path", { class: "level", d: line(points) }));
  const path = make("path", { class: "path" }), dots = make("g"), tail = make("g");
  const ball = make("circle", { class: "ball", r: 6 });
  const start = make("circle", { class: "start", r: 9, tabindex: 0, role: "slider", "aria-label": "start of the descent", "data-lm-suppress-shortcuts": "true" });
  const [across, up] = model.get("labels"), [a, b] = model.get("minimum");
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": `the loss over ${across} and ${up}` }, ...levels,
    make("text", { class: "minimum", x: x(a) - 7, y: y(b) + 6 }, "★"), path, dots, tail, ball, start,
    make("text", { x: WIDTH - 8, y: HEIGHT - 8, "text-anchor": "end" }, `→ ${across}`), make("text", { x: 8, y: 16 }, `↑ ${up}`));
  const says = make("p", { role: "status", "aria-live": "polite" }), error = make("p", { class: "error", role: "alert" });
  const [rateRow, showRate] = slider(model, "rate", "learning rate", ...model.get("rates"), true);
  const [momentumRow, showMomentum] = slider(model, "momentum", "momentum", 0, 0.98, false);
  const node = make("div", { class: "wb-drag" }, svg, says, error, rateRow, momentumRow);
  el.append(node);

  let frame = null;
  function showStart() {
    const [p, q] = model.get("start");
    start.setAttribute("cx", x(p));
    start.setAttribute("cy", y(q));
    start.setAttribute("aria-valuenow", p);
    start.setAttribute("aria-valuetext", `${across} ${p.toFixed(1)}, ${up} ${q.toFixed(1)}`);
  }
  function showPath() {
    const points = model.get("path");
    path.setAttribute("d", line(points));
    dots.replaceChildren(...points.map(([p, q]) => make("circle", { class: "dot", cx: x(p), cy: y(q), r: 2.2 })));
    says.textContent = model.get("ends");
    error.textContent = model.get("error");
    node.classList.toggle("wrong", Boolean(model.get("error")));
    run(points);
  }
  // The ball's tail is as many steps long as the velocity remembers.
  function run(points) {
    cancelAnimationFrame(frame);
    const length = Math.max(1, Math.round(1 / (1 - model.get("momentum")))), begin = performance.now();
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const draw = (now) => {
      const at = still ? points.length - 1 : Math.min(points.length - 1, Math.floor((now - begin) / STEP_MS));
      const some = points.slice(Math.max(0, at - length), at + 1);
      tail.replaceChildren(...some.slice(1).map((point, i) => make("path", { class: "tail", d: line([some[i], point]), "stroke-width": 1 + (5 * (i + 1)) / some.length, opacity: (i + 1) / some.length })));
      ball.setAttribute("cx", x(points[at][0]));
      ball.setAttribute("cy", y(points[at][1]));
      if (at < points.length - 1) frame = requestAnimationFrame(draw);
    };
    if (points.length) draw(begin);
  }

  function put(p, q) {
    p = Math.min(right, Math.max(left, p));
    const lines = model.get("lines"), isCurve = lines.length === 1; // then the start stays on it
    const height = isCurve ? lines[0].reduce((one, two) => (Math.abs(two[0] - p) < Math.abs(one[0] - p) ? two : one))[1] : q;
    model.set("start", [p, Math.min(top, Math.max(bottom, height))]);
    model.save_changes();
  }
  start.addEventListener("pointerdown", (event) => start.setPointerCapture(event.pointerId));
  start.addEventListener("pointermove", (event) => {
    if (!start.hasPointerCapture(event.pointerId)) return;
    const box = svg.getBoundingClientRect();
    put(left + ((event.clientX - box.left) / box.width) * (right - left), top - ((event.clientY - box.top) / box.height) * (top - bottom));
  });
  start.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] || [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    const [p, q] = model.get("start");
    put(p + (dx * (right - left)) / 40, q + (dy * (top - bottom)) / 40);
  });

  const heard = { "change:start": showStart, "change:path": showPath, "change:error": showPath, "change:ends": showPath, "change:rate": showRate, "change:momentum": showMomentum };
  for (const [event, react] of Object.entries(heard)) model.on(event, react);
  showStart();
  showPath();
  return () => {
    cancelAnimationFrame(frame);
    for (const [event, react] of Object.entries(heard)) model.off(event, react);
  };
}

export default { render };
