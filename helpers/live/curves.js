// points -> curves: what helpers/live/curves.py sends, drawn. No library, no network.

const COLORS = ["#4878d0", "#c77d10", "#2e9e5b", "#956cb4", "#d65f5f", "#1b98a6", "#7d7f8c"];
const PAD = { left: 38, right: 52, top: 8, bottom: 30 };

// --- elements ------------------------------------------------------------------------------------

function fill(node, attributes, children) {
  // Otherwise Lab takes the arrow keys, Enter and letters for its own.
  if (["BUTTON", "INPUT", "SELECT", "SUMMARY", "svg"].includes(node.tagName)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}
const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const swatch = (color, isFilled) =>
  h("span", { class: "swatch", "aria-hidden": "true",
    style: `border-color:${color};background:${isFilled ? color : "transparent"}` });
const turnOff = (button, isOff) => button.setAttribute("aria-disabled", String(isOff));
const isOff = (button) => button.getAttribute("aria-disabled") === "true";
// The same words again would be read out again.
const say = (node, text) => { if (node.textContent !== text) node.textContent = text; };
// "LivingRoom" may break where its second word begins.
const breakable = (name) => name.replace(/([a-z])([A-Z])/g, "$1\u200b$2");
const short = (value) => (value == null ? "–" : Number(value.toPrecision(2)).toString());

// --- curves --------------------------------------------------------------------------------------

// Mean losses of equally many batches, at most `limit`: [x in epochs, loss].
function binned(losses, perValue, { per_epoch, first }, limit) {
  const size = Math.max(1, Math.ceil(losses.length / limit)), points = [];
  for (let i = 0; i < losses.length; i += size) {
    const some = losses.slice(i, i + size).filter((loss) => loss != null);
    const mean = some.length ? some.reduce((a, b) => a + b, 0) / some.length : null;
    points.push([(first + (i + Math.min(size, losses.length - i) / 2) * perValue) / per_epoch, mean]);
  }
  return points;
}
const column = (run, key) => run.history.map((row) => [row.epoch, row[key]]);

class Plot {
  // lines(run) gives [{points, width, opacity, dash, dots, what}] of a run.
  constructor(title, note, lines, top, format) {
    Object.assign(this, { lines, top, format, runs: [], numEpochs: 1, at: null });
    this.svg = s("svg", { tabindex: 0, role: "img" });
    this.tip = h("div", { class: "tip", hidden: true });
    this.node = h("div", { class: "plot" }, h("h4", {}, title, " ", h("small", {}, note)), this.svg, this.tip);
    this.title = title;
    this.svg.addEventListener("pointermove", (event) => {
      const box = this.svg.getBoundingClientRect();
      this.point(((event.clientX - box.left - PAD.left) / this.inner()) * this.numEpochs);
    });
    this.svg.addEventListener("pointerleave", () => this.point(null));
    this.svg.addEventListener("blur", () => this.point(null));
    this.svg.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by && event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      this.point(by ? Math.min(this.numEpochs, Math.max(0, Math.round(this.at ?? 0) + by)) : null);
    });
  }
  inner() { return Math.max(40, (this.svg.clientWidth || 300) - PAD.left - PAD.right); }
  x(epoch) { return PAD.left + (epoch / this.numEpochs) * this.inner(); }
  y(value) {
    const share = Math.min(1.02, Math.max(0, value / this.limit));
    return PAD.top + (1 - share) * (190 - PAD.top - PAD.bottom);
  }
  draw(runs, numEpochs) {
    Object.assign(this, { runs, numEpochs, limit: this.top(runs) });
    this.tip.setAttribute("aria-live", runs.some((run) => run.isLive) ? "off" : "polite");
    const parts = [...this.axes()], ends = [];
    for (const run of runs) {
      for (const [batch] of run.rates) {
        const x = this.x((run.first + batch) / run.per_epoch);
        parts.push(s("line", { class: "change", x1: x, x2: x, y1: PAD.top, y2: 190 - PAD.bottom, style: `stroke:${run.color}` }));
      }
      for (const line of this.lines(run, this.inner())) {
        const points = line.points.filter(([, value]) => value != null).map(([x, v]) => [this.x(x), this.y(v)]);
        if (!points.length) continue;
        const d = "M" + points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
        parts.push(s("path", { d, stroke: run.color, "stroke-width": line.width, opacity: line.opacity, "stroke-dasharray": line.dash }));
        if (line.dots && points.length < 40)
          for (const [cx, cy] of points) parts.push(s("circle", { cx, cy, r: 2.4, fill: run.color }));
        if (run.isLive && !line.dots) parts.push(s("circle", { cx: points.at(-1)[0], cy: points.at(-1)[1], r: 3, fill: run.color }));
        if (line.isNamed) ends.push([points.at(-1), run]);
      }
    }
    parts.push(...this.labels(ends));
    this.cursor = s("line", { class: "cursor", y1: PAD.top, y2: 190 - PAD.bottom, visibility: "hidden" });
    this.svg.replaceChildren(...parts, this.cursor);
    const names = runs.map((run) => run.key).join(", ") || "no run";
    this.svg.setAttribute("aria-label", `${this.title} of ${names}. Left and right arrow keys read the values.`);
    this.point(this.at);
  }
  *axes() {
    for (let mark = 0; mark <= this.limit; mark += this.limit > 1 ? 1 : 0.25) {
      const y = this.y(mark);
      yield s("line", { class: "grid", x1: PAD.left, x2: PAD.left + this.inner(), y1: y, y2: y });
      yield s("text", { x: PAD.left - 5, y: y + 4, "text-anchor": "end" }, this.format(mark));
    }
    const step = [1, 2, 5, 10, 20].find((by) => this.numEpochs / by <= 6) || 50;
    for (let epoch = 0; epoch <= this.numEpochs; epoch += step)
      yield s("text", { x: this.x(epoch), y: 190 - PAD.bottom + 14, "text-anchor": "middle" }, String(epoch));
    yield s("text", { x: PAD.left + this.inner() / 2, y: 188, "text-anchor": "middle" }, "epoch");
  }
  // Names beside the ends of the curves, pushed apart where they would overlap.
  labels(ends) {
    ends.sort((a, b) => a[0][1] - b[0][1]);
    let free = 8;
    return ends.map(([[x, y], run]) => {
      free = Math.max(free + 11, y + 4);
      const place = run.label.length < 6 ? { x: x + 5, y: free } : { x, y: free - 9, "text-anchor": "end" };
      return s("text", { class: "name", ...place, style: `fill:${run.color}` }, run.label);
    });
  }
  point(epoch) {
    this.at = epoch;
    const isShown = epoch != null && epoch >= 0 && epoch <= this.numEpochs && this.runs.length > 0;
    this.tip.hidden = !isShown;
    this.cursor?.setAttribute("visibility", isShown ? "visible" : "hidden");
    if (!isShown) return;
    const x = this.x(epoch);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    const rows = this.runs.map((run) => {
      const values = this.lines(run, this.inner()).map((line) => {
        const near = line.points.reduce((a, b) => (Math.abs(b[0] - epoch) < Math.abs(a[0] - epoch) ? b : a), [Infinity, null]);
        return `${line.what} ${near[1] == null ? "–" : near[1].toFixed(3)}`;
      });
      return h("div", {}, swatch(run.color, true), `${run.key}: ${values.join(", ")}`);
    });
    const content = [h("div", {}, `epoch ${epoch.toFixed(1)}`), ...rows];
    const words = content.map((row) => row.textContent).join("; ");
    if (words !== this.svg.getAttribute("aria-description")) this.tip.replaceChildren(...content);
    const isRight = x > this.svg.clientWidth / 2;
    this.tip.style.left = isRight ? "auto" : `${x + 8}px`;
    this.tip.style.right = isRight ? `${this.svg.clientWidth - x + 8}px` : "auto";
    this.svg.setAttribute("aria-description", words);
  }
}

// --- what the network sees -----------------------------------------------------------------------

const MAGMA = [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];
const between = (a, b, share) => a.map((value, i) => value + (b[i] - value) * share);
const magma = (v) => { const at = (v / 255) * 3.999; return between(MAGMA[at | 0], MAGMA[(at | 0) + 1], at % 1); };
const diverging = (v) => (v < 128 ? between([47, 95, 176], [247, 247, 247], v / 128) : between([247, 247, 247], [190, 60, 60], (v - 128) / 127));
const grey = (v) => [v, v, v];

function paint(canvas, bytes, height, width, color) {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  bytes.forEach((value, i) => image.data.set([...color(value), 255], 4 * i));
  context.putImageData(image, 0, 0);
}

class Look {
  constructor() {
    this.kernels = h("div", { class: "kernels", role: "img", "aria-label": "The kernels of the first layer" });
    this.maps = h("div", { class: "maps", role: "img", "aria-label": "What they find in the first of the pictures below" });
    this.pictures = h("div", { class: "pictures" });
    this.node = h("div", { class: "look", hidden: true },
      h("h4", {}, "The first layer's kernels, and what each finds in the first picture below"), this.kernels, this.maps,
      h("h4", {}, "Six validation pictures: what the network says"), this.pictures);
  }
  // `about` is Insight.pictures()[0]; the pictures are in no saved state.
  show(about, view) {
    const [, height, width] = about.shape, bytes = bytesOf(view);
    this.names = about.names;
    this.figures = about.names.map((name, i) => {
      const canvas = h("canvas", { role: "img", "aria-label": name });
      paint(canvas, bytes.subarray(i * height * width, (i + 1) * height * width), height, width, grey);
      return h("figure", {}, canvas, h("figcaption", {}, breakable(name)));
    });
    this.pictures.replaceChildren(...this.figures);
    this.node.hidden = false;
  }
  update(look, [kernels, maps]) {
    strip(this.kernels, kernels, look.kernels, diverging);
    strip(this.maps, maps, look.maps, magma);
    (this.figures || []).forEach((figure, i) => {
      figure.className = look.right[i] ? "right" : "wrong";
      const said = `${look.right[i] ? "✓" : "✗"} ${look.answers[i]} ${Math.round(100 * look.sure[i])}%`;
      figure.lastChild.textContent = breakable(said);
      figure.title = `${this.names[i]}: ${said}`;
    });
  }
}
const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
function strip(node, view, [count, height, width], color) {
  const bytes = bytesOf(view), size = height * width;
  while (node.childElementCount < count) node.append(h("canvas"));
  while (node.childElementCount > count) node.lastChild.remove();
  [...node.children].forEach((canvas, i) => paint(canvas, bytes.subarray(i * size, (i + 1) * size), height, width, color));
}

// --- the form ------------------------------------------------------------------------------------

let numFields = 0;
class Field {
  constructor(choice, onChange) {
    this.choice = choice;
    const id = `wb-field-${numFields++}`;
    this.output = h("span", { class: "value", "aria-hidden": "true" }); // the slider says it itself
    if (choice.options.length) {
      const options = choice.options.map((value) => h("option", { value }, short(value)));
      this.input = h("select", { id, onchange: () => onChange(this.get()) }, ...options);
    } else {
      const range = { id, type: "range", min: choice.low, max: choice.high, step: choice.step };
      this.input = h("input", { ...range, oninput: () => this.tell(), onchange: () => onChange(this.get()) });
    }
    this.node = h("div", { class: "row" }, h("label", { for: id }, choice.label), this.input, choice.options.length ? null : this.output);
  }
  get() {
    const value = Number(this.input.value);
    return this.choice.log ? Number((10 ** value).toPrecision(3)) : value;
  }
  set(value) {
    const { options, log } = this.choice;
    if (options.length && !options.includes(value)) this.input.append(h("option", { value }, short(value)));
    this.input.value = log ? Math.log10(value) : value;
    this.tell();
  }
  tell() {
    const text = short(this.get());
    this.output.textContent = text;
    if (!this.choice.options.length) this.input.setAttribute("aria-valuetext", text);
  }
}

// --- the panel -----------------------------------------------------------------------------------

class Panel {
  constructor(model) {
    Object.assign(this, { model, live: null, isAwake: false, isDue: false });
    const val = model.get("names").val, hasForm = model.get("form").length > 0;
    const loss = (run, width) => [
      { points: run.points(width), width: 1, opacity: 0.45, what: "batch" },
      { points: column(run, "val_loss"), width: 2, opacity: 1, dots: true, isNamed: true, what: val },
    ];
    const accuracy = (run) => [
      { points: column(run, "train_accuracy"), width: 1.2, opacity: 0.8, dash: "4 3", what: "training" },
      { points: column(run, "val_accuracy"), width: 2, opacity: 1, dots: true, isNamed: true, what: val },
    ];
    const highest = (runs) => Math.max(3, ...runs.flatMap((run) => [...run.points(100), ...column(run, "val_loss")].map(([, v]) => v || 0)));
    this.plots = [
      new Plot("Loss", `thin: each batch, dots: ${val}`, loss, (runs) => Math.min(6, Math.ceil(highest(runs) * 2) / 2), (v) => String(+v.toFixed(2))),
      new Plot("Accuracy", `dashed: training, dots: ${val}`, accuracy, () => 1, (v) => `${Math.round(100 * v)}%`),
    ];
    this.look = new Look();
    this.asleep = h("p", { class: "asleep" }, "Run this cell to bring the panel to life. (While other cells run, it waits.)");
    this.status = h("div", { class: "status", role: "status", "aria-live": "polite" });
    this.now = h("div", { class: "now" });
    this.table = h("div", { class: "scroll" });
    this.compare = h("div", { class: "scroll compare" });
    this.verdict = h("p", { class: "verdict", "aria-live": "polite" });
    this.code = h("div");
    const plots = h("div", { class: "plots" }, ...this.plots.map((plot) => plot.node));
    const below = h("div", { class: "below" }, hasForm ? null : this.now, h("div", {}, this.table, this.compare), this.verdict, this.code);
    const attributes = { role: "group", "aria-label": "Training, live" };
    this.node = h("div", { class: hasForm ? "wb" : "wb small", ...attributes }, hasForm ? this.asleep : null,
      h("div", { class: "top" }, hasForm ? this.form() : null, plots, this.look.node, below));
  }
  form() {
    // With the values: a message may overtake a change of state that waits for Python.
    const send = (what) => () => this.model.send({ do: what, values: this.model.get("values") });
    this.fields = this.model.get("form").map((choice) => new Field(choice, (value) => {
      this.model.set("values", { ...this.model.get("values"), [choice.name]: value });
      this.model.save_changes();
    }));
    // Not `disabled`: whoever uses the keyboard would lose the focus by pressing Train.
    const button = (text, what, more) => h("button", { ...more, onclick: (event) => { if (!isOff(event.currentTarget)) what(); } }, text);
    this.train = button("Train", send("train"), { class: "main" });
    this.pause = button("Pause", () => send(this.model.get("state") === "paused" ? "go_on" : "pause")());
    this.step = button("One step", send("step"), { title: "Train one batch, then wait" });
    this.stop = button("Stop", send("stop"));
    this.rate = new Field({ label: "rate from here on", low: -5, high: 1, step: 0.05, log: true, options: [] },
      (rate) => this.model.send({ do: "rate", rate }));
    this.rate.set(4e-3);
    this.progress = h("progress", { max: 1, value: 0, "aria-label": "progress of the run" });
    const buttons = h("div", { class: "buttons" }, this.train, this.pause, this.step, this.stop);
    return h("div", { class: "form" }, buttons, this.rate.node, this.progress, this.now, this.status, ...this.fields.map((field) => field.node));
  }

  // --- what Python says ---

  hear(message, buffers) {
    if (message.kind === "hello") {
      this.isAwake = true;
      if (message.pictures) this.look.show(message.pictures, buffers[0]);
      this.showState();
    } else if (message.kind === "end") {
      this.live = null;
      this.now.textContent = "";
    } else {
      this.hearRun(message);
      if (message.pictures && !this.look.figures) this.look.show(message.pictures, buffers[2]);
      if (message.look) this.look.update(message.look, buffers);
    }
    this.soon();
  }
  hearRun(message) {
    if (message.kind === "begin" || this.live?.key !== message.key) {
      this.live = { losses: [] };
      this.rate?.set(message.rate);
    }
    const live = Object.assign(this.live, { rates: message.rates || [] });
    for (const name of ["key", "per_epoch", "num_epochs", "first", "history"]) live[name] = message[name];
    if (message.kind === "again")
      live.losses = message.losses.values.flatMap((loss) => Array(message.losses.stride).fill(loss));
    if (message.kind !== "batches") return;
    // What came before the page did is left out of the curve.
    while (live.losses.length < message.at - message.losses.length) live.losses.push(null);
    live.losses.length = message.at - message.losses.length;
    live.losses.push(...message.losses);
    const epoch = (live.first + message.at) / live.per_epoch, last = message.losses.at(-1);
    this.now.textContent = `${live.key}: batch ${live.first + message.at}, epoch ${epoch.toFixed(1)} of ${live.num_epochs}, loss ${last == null ? "–" : last.toFixed(2)}`;
    if (this.progress) this.progress.value = epoch / live.num_epochs;
  }
  soon() {
    if (this.isDue) return;
    this.isDue = true;
    requestAnimationFrame(() => { this.isDue = false; this.draw(); });
  }

  // --- what is shown ---

  runs() {
    const kept = this.model.get("runs");
    const runs = kept.map((run, i) => ({
      ...run, color: COLORS[i % COLORS.length], label: run.key.replace(/^run /, ""),
      points: (limit) => binned(run.losses.values, run.losses.stride, run, limit),
    }));
    return runs;
  }
  drawn(runs) {
    const keys = this.model.get("drawn"), shown = runs.filter((run) => keys.includes(run.key));
    const live = this.live;
    if (live) {
      const known = runs.findIndex((run) => run.key === live.key), i = known < 0 ? runs.length : known;
      const points = (limit) => binned(live.losses, 1, live, limit);
      return [...shown.filter((run) => run.key !== live.key),
        { ...live, isLive: true, color: COLORS[i % COLORS.length], label: live.key === "this run" ? "now" : live.key, points }];
    }
    return shown;
  }
  draw() {
    const drawn = this.drawn(this.runs());
    const lengths = drawn.map((run) => Math.max(run.num_epochs || 0, run.history.at(-1)?.epoch || 0, run.points(1e9).at(-1)?.[0] || 0));
    for (const plot of this.plots) plot.draw(drawn, Math.ceil(Math.max(1, ...lengths)));
  }
  showState() {
    const state = this.model.get("state"), isIdle = state === "idle";
    this.asleep.hidden = this.isAwake;
    // Ten batches a second are not read out; the one at which a run waits is.
    this.now.setAttribute("aria-live", state === "paused" ? "polite" : "off");
    if (this.fields) {
      for (const field of this.fields) field.input.disabled = !isIdle || !this.isAwake;
      turnOff(this.train, !isIdle || !this.isAwake);
      turnOff(this.step, !this.isAwake);
      for (const button of [this.pause, this.stop]) turnOff(button, isIdle || !this.isAwake);
      this.rate.input.disabled = isIdle || !this.isAwake;
      this.pause.textContent = state === "paused" ? "Go on" : "Pause";
    }
    for (const button of this.table.querySelectorAll("button.ask")) button.disabled = !isIdle || !this.isAwake;
    say(this.status, this.model.get("status"));
    this.status.classList.toggle("error", this.model.get("is_error"));
  }
  showValues() {
    const values = this.model.get("values");
    for (const field of this.fields || []) field.set(values[field.choice.name]);
  }
  toggle(key) {
    const keys = this.model.get("drawn");
    this.model.set("drawn", keys.includes(key) ? keys.filter((k) => k !== key) : [...keys, key]);
    this.model.save_changes();
  }
  showRuns() {
    const runs = this.runs(), keys = this.model.get("drawn"), focused = this.table.querySelector(":focus")?.dataset.id;
    const hasForm = Boolean(this.fields);
    const head = ["run", ...this.model.get("columns"), ...(hasForm ? ["", ""] : [])];
    const rows = runs.map((run) => {
      const isDrawn = keys.includes(run.key);
      const name = h("button", { "data-id": run.key, "aria-pressed": String(isDrawn), "aria-label": `${run.key}: draw its curves`,
        onclick: (event) => { event.stopPropagation(); this.toggle(run.key); } }, swatch(run.color, isDrawn), run.key);
      const ask = (what, text, label) => h("button", { class: "ask", "data-id": `${what} ${run.key}`, "aria-label": `${label} ${run.key}`,
        title: `${label} ${run.key}`, onclick: (event) => { event.stopPropagation(); this.model.send({ do: what, key: run.key }); } }, text);
      const more = hasForm ? [h("td", {}, run.mark), h("td", {}, ask("copy", "Copy", "Copy the settings of"), " ", ask("remove", "✕", "Remove"))] : [];
      return h("tr", { class: run.mark || "", onclick: () => this.toggle(run.key) }, h("td", { style: "text-align:left" }, name),
        ...run.cells.map((cell) => h("td", {}, cell)), ...more);
    });
    const caption = h("caption", {}, "Click a run to draw or hide its curves.");
    this.table.replaceChildren(...(runs.length ? [h("table", { class: "runs" }, caption,
      h("thead", {}, h("tr", {}, ...head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, ...rows))] : []));
    if (focused) (this.table.querySelector(`[data-id="${focused}"]`) || this.table.querySelector("button") || this.train)?.focus();
    say(this.verdict, this.model.get("verdict"));
    this.showComparison(runs.filter((run) => keys.includes(run.key) && run.compared));
    this.showState();
    this.soon();
  }
  showComparison(runs) {
    const names = runs.length > 1 ? Object.keys(runs[0].compared) : [];
    const differing = names.filter((name) => new Set(runs.map((run) => run.compared[name])).size > 1);
    const head = runs.map((run) => h("th", { scope: "col" }, swatch(run.color, true), run.key));
    const rows = differing.map((name) => h("tr", {}, h("th", { scope: "row" }, name), ...runs.map((run) => h("td", {}, run.compared[name]))));
    this.compare.replaceChildren(...(runs.length > 1 ? [h("table", {}, h("caption", {}, rows.length ? "In what they differ" : "Their settings are the same."),
      h("thead", {}, h("tr", {}, h("td"), ...head)), h("tbody", {}, ...rows))] : []));
    const isOpen = this.code.querySelector("details")?.open;
    this.code.replaceChildren(...(runs.length ? [h("details", { open: isOpen || false }, h("summary", {}, "As code"),
      ...runs.map((run) => h("div", {}, swatch(run.color, true), h("code", {}, run.code))))] : []));
  }
}

function render({ model, el }) {
  const panel = new Panel(model);
  el.append(panel.node);
  const heard = {
    "msg:custom": (message, buffers) => panel.hear(message, buffers),
    "change:runs": () => panel.showRuns(),
    "change:drawn": () => panel.showRuns(),
    "change:columns": () => panel.showRuns(),
    "change:verdict": () => panel.showRuns(),
    "change:values": () => panel.showValues(),
    "change:state": () => panel.showState(),
    "change:status": () => panel.showState(),
    "change:is_error": () => panel.showState(),
  };
  for (const [event, react] of Object.entries(heard)) model.on(event, react);
  const observer = new ResizeObserver(() => panel.soon());
  observer.observe(el);
  panel.showValues();
  panel.showRuns();
  model.send({ do: "hello" });
  return () => {
    observer.disconnect();
    for (const [event, react] of Object.entries(heard)) model.off(event, react);
  };
}

export default { render };
