// logits -> loss and gradient: pull a bar; Python computes the rest. No library, no network.

const WIDTH = 620, ZERO = 120, UNIT = 18, REACH = 6, LEFT = 110;
const NS = "http://www.w3.org/2000/svg";

function make(tag, attributes, ...children) {
  const isSvg = ["svg", "g", "rect", "line", "circle", "text", "path"].includes(tag);
  const node = isSvg ? document.createElementNS(NS, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const names = model.get("names"), step = (WIDTH - LEFT) / names.length;
  const set = (trait, value) => {
    model.set(trait, value);
    model.save_changes(); // Lab sends the newest value only, when Python has answered the last one
  };
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} 330`, role: "group", "aria-label": "logits, probabilities and the gradient's push" },
    make("line", { class: "axis", x1: LEFT, x2: WIDTH, y1: ZERO, y2: ZERO }),
    make("text", { class: "quiet", x: 0, y: ZERO + 4 }, "logit"), make("text", { class: "quiet", x: 0, y: 290 }, "probability"));
  const pull = (i, value) => {
    const logits = [...model.get("logits")];
    logits[i] = Math.round(10 * Math.min(REACH, Math.max(-REACH, value))) / 10;
    set("logits", logits);
  };
  const columns = names.map((name, i) => {
    const x = LEFT + step * (i + 0.5), parts = {
      bar: make("rect", { class: "bar", x: x - 16, width: 32 }),
      arrow: make("path", { class: "arrow" }),
      handle: make("circle", { class: "handle", cx: x, r: 8, tabindex: 0, role: "slider", "aria-orientation": "vertical", "aria-label": `logit of ${name}`,
        "aria-valuemin": -REACH, "aria-valuemax": REACH, "data-lm-suppress-shortcuts": "true" }),
      share: make("rect", { class: "share", x: x - 16, width: 32 }),
      percent: make("text", { x, y: 324 }), title: make("text", { x, y: 244 }, name) };
    parts.group = make("g", {}, ...Object.values(parts));
    parts.handle.addEventListener("pointerdown", (event) => parts.handle.setPointerCapture(event.pointerId));
    parts.handle.addEventListener("pointermove", (event) => {
      if (!parts.handle.hasPointerCapture(event.pointerId)) return;
      const box = svg.getBoundingClientRect();
      pull(i, (ZERO - ((event.clientY - box.top) / box.width) * WIDTH) / UNIT);
    });
    parts.handle.addEventListener("keydown", (event) => {
      const by = { ArrowUp: 0.1, ArrowDown: -0.1, PageUp: 1, PageDown: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      pull(i, model.get("logits")[i] + by);
    });
    svg.append(parts.group);
    return { ...parts, x };
  });
  const select = make("select", { "data-lm-suppress-shortcuts": "true" }, ...names.map((name, i) => make("option", { value: i }, name)));
  select.addEventListener("change", () => set("label", Number(select.value)));
  const says = make("p", { role: "status", "aria-live": "polite" }), error = make("p", { class: "error", role: "alert" });
  const node = make("div", { class: "wb-logits" }, svg, make("label", {}, "The true class is ", select), says, error);
  el.append(node);

  function show() {
    const logits = model.get("logits"), shares = model.get("probabilities"), push = model.get("push"), label = model.get("label");
    columns.forEach(({ group, bar, arrow, handle, share, percent, x }, i) => {
      const y = ZERO - UNIT * logits[i], end = y - 70 * push[i], up = Math.sign(push[i]) || 1;
      group.setAttribute("class", i === label ? "true" : "");
      bar.setAttribute("y", Math.min(ZERO, y));
      bar.setAttribute("height", Math.abs(y - ZERO));
      handle.setAttribute("cy", y);
      handle.setAttribute("aria-valuenow", logits[i]);
      handle.setAttribute("aria-valuetext", `${logits[i].toFixed(1)}, probability ${Math.round(100 * shares[i])}%, push ${push[i].toFixed(2)}`);
      const isSeen = Math.abs(push[i]) > 0.01, tip = end + 6 * up;
      arrow.setAttribute("d", isSeen ? `M${x + 26} ${y}L${x + 26} ${end}M${x + 21} ${tip}L${x + 26} ${end - 2 * up}L${x + 31} ${tip}Z` : "");
      share.setAttribute("y", 308 - 50 * shares[i]);
      share.setAttribute("height", 50 * shares[i]);
      percent.textContent = `${Math.round(100 * shares[i])}%`;
    });
    select.value = label;
    says.textContent = `Loss ${model.get("loss").toFixed(3)}. The arrows are the push on each logit, minus the gradient: ${push.map((p) => p.toFixed(2)).join(", ")}.`;
    error.textContent = model.get("error");
    node.classList.toggle("wrong", Boolean(model.get("error")));
  }
  const events = ["logits", "label", "probabilities", "push", "loss", "error"].map((name) => `change:${name}`);
  for (const event of events) model.on(event, show);
  show();
  return () => { for (const event of events) model.off(event, show); };
}

export default { render };
