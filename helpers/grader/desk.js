// What a Desk says -> a panel; keys -> the Desk, in the order in which they were pressed.
const KEYS = [
  "Enter", "ArrowRight", "ArrowLeft", "Home", "End", "PageDown", "PageUp", "Backspace", "Delete",
];
const HELP = [
  ["0 – 9", "points; typed again, they are replaced"],
  [".", "half a point more, or less"],
  ["Backspace", "no points: not read"],
  ["Enter", "the next answer that is not read"],
  ["← →", "the answer before, the next one"],
  ["a s d f …", "a line of the rubric, ticked or not"],
  ["c", "comment; ↓ and ↑ choose one that was used before"],
  ["u", "undo"],
  ["PageUp PageDown", "the question before, the next one"],
  ["n", "names"],
  ["r", "write the rubric"],
];
const PATIENCE_MS = 3000;

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = `desk-${name}`;
  if (text !== undefined) element.textContent = text;
  return element;
}

function button(text, press, action) {
  const element = make("button", "", text);
  element.type = "button";
  if (press !== null) element.setAttribute("aria-pressed", String(press));
  element.tabIndex = -1; // the panel keeps the keys
  element.addEventListener("mousedown", (event) => event.preventDefault());
  element.addEventListener("click", action);
  return element;
}

function render({ model, el }) {
  const view = Math.random().toString(36).slice(2);
  let sent = 0, done = 0, isAwake = false, alarm = null;
  const root = make("div");
  root.className = "desk";
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "reading desk");
  root.setAttribute("data-lm-suppress-shortcuts", "true"); // Lab would take the keys for its own
  const parts = Object.fromEntries(
    ["alarm", "top", "answers", "rubric", "said", "form", "bottom", "help"].map((name) => {
      const part = make(name === "help" ? "ul" : "div", name);
      root.append(part);
      return [name, part];
    }),
  );
  parts.said.setAttribute("role", "status");
  parts.alarm.setAttribute("role", "alert");
  parts.form.hidden = parts.help.hidden = true;
  for (const [keys, what] of HELP) {
    const line = make("li");
    line.append(make("kbd", "", keys), ` ${what}`);
    parts.help.append(line);
  }
  el.append(root);

  // --- to the desk, and back ---
  function tell(what, ...given) {
    sent += 1;
    clearTimeout(alarm);
    alarm = setTimeout(raiseAlarm, PATIENCE_MS);
    try {
      model.send({ what, with: given, number: sent, view });
    } catch {
      raiseAlarm();
    }
  }
  function raiseAlarm() {
    if (done === sent) return;
    parts.alarm.textContent = isAwake
      ? `Python does not answer: the last ${sent - done} keys are not saved. If this stays, restart the kernel and run the cell again.`
      : "The desk is closed. Run the cell above: Shift+Enter.";
  }
  function hear(message) {
    if (message.view !== view) return;
    done = message.done;
    root.dataset.done = done;
    parts.alarm.textContent = "";
    if (!isAwake) {
      isAwake = true;
      show();
      root.focus({ preventScroll: true });
    }
    if (done === sent) clearTimeout(alarm);
  }
  model.on("msg:custom", hear);
  const press = (key) => tell("press", key);

  // --- what is shown ---
  function show() {
    if (!isAwake) return;
    const state = model.get("state");
    parts.top.replaceChildren(...topOf(state));
    parts.answers.replaceChildren(...state.answers.map((answer) => cardOf(answer)));
    const current = state.answers.find((answer) => answer.is_current);
    parts.rubric.replaceChildren(...(current ? rubricOf(state, current) : []));
    parts.said.textContent = state.said;
    parts.bottom.replaceChildren(
      button("Next: Enter", null, () => press("Enter")),
      button("Comment: c", null, openComment),
      button("Rubric: r", null, openRubric),
      button("Undo: u", null, () => press("u")),
      button("Names: n", state.names_shown, () => press("n")),
      button("Keys: ?", !parts.help.hidden, toggleHelp),
    );
    if (!current) parts.answers.append(make("p", "soft", "Nobody answered this question."));
  }
  function topOf(state) {
    const choice = make("select");
    choice.setAttribute("aria-label", "question");
    for (const [question, read, given] of state.questions) {
      const option = make("option", "", `${question} (${read} of ${given})`);
      option.value = question;
      option.selected = question === state.question;
      choice.append(option);
    }
    choice.addEventListener("change", () => {
      tell("open", choice.value);
      root.focus();
    });
    const bar = make("progress");
    [bar.max, bar.value] = [Math.max(state.given, 1), state.read];
    return [choice, make("strong", "", `${state.read} of ${state.given} read`), bar];
  }
  function cardOf(answer) {
    const card = make("article", "card");
    card.setAttribute("aria-current", String(answer.is_current));
    const head = make("div", "head");
    const points = answer.points === "" ? make("span", "unread", "not read") : make("span", "points", `${answer.points} points`);
    head.append(make("span", "label", answer.label), points);
    card.append(head, make("div", "text", answer.text));
    if (answer.remark) card.append(make("div", "soft", `variant: ${answer.remark}`));
    if (answer.comment) card.append(make("div", "comment", answer.comment));
    return card;
  }
  function rubricOf(state, current) {
    const most = Math.min(Math.floor(state.most), 20);
    const points = [...Array(most + 1).keys()].map((number) =>
      button(String(number), current.points === String(number), () => [...String(number)].forEach(press)),
    );
    const lines = state.rubric.map((line, i) => {
      const element = button("", current.ticked[i], () => press(line.key));
      element.append(make("kbd", "", line.key), ` ${line.points} ${line.words}`);
      return element;
    });
    return [...points, ...lines];
  }
  function toggleHelp() {
    parts.help.hidden = !parts.help.hidden;
    show();
  }
  model.on("change:state", show);

  // --- writing a comment or the rubric ---
  function close() {
    parts.form.hidden = true;
    parts.form.replaceChildren();
    root.focus({ preventScroll: true });
  }
  function open(label, field) {
    field.setAttribute("aria-label", label);
    parts.form.replaceChildren(make("label", "soft", label), field);
    parts.form.hidden = false;
    field.focus();
  }
  function openComment() {
    const field = make("input");
    let seen = "", chosen = -1, offered = [];
    const list = make("ul", "offer");
    const current = () => model.get("state").answers.find((answer) => answer.is_current);
    if (done === sent) field.value = seen = current()?.comment ?? "";
    function offer() {
      const typed = field.value.split(";").at(-1).trim().toLowerCase();
      offered = model.get("state").comments.filter((text) => text.toLowerCase().includes(typed)).slice(0, 8);
      chosen = Math.min(chosen, offered.length - 1);
      list.replaceChildren(
        ...offered.map((text, i) => {
          const line = make("li", "", text);
          line.setAttribute("aria-selected", String(i === chosen));
          line.addEventListener("mousedown", (event) => {
            event.preventDefault();
            take(text);
          });
          return line;
        }),
      );
    }
    function take(text) {
      const before = field.value.split(";").slice(0, -1).map((part) => part.trim());
      field.value = [...before, text].join("; ");
      chosen = -1;
      offer();
    }
    field.addEventListener("input", () => {
      chosen = -1;
      offer();
    });
    field.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        chosen = Math.max(-1, Math.min(offered.length - 1, chosen + (event.key === "ArrowDown" ? 1 : -1)));
        offer();
      } else if (event.key === "Enter") {
        if (chosen >= 0) return event.preventDefault(), take(offered[chosen]);
        tell("comment", field.value, seen);
        close();
      } else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
    });
    open("comment: Enter keeps it, Esc does not, ↓ offers what was used before", field);
    parts.form.append(list);
    offer();
  }
  function openRubric() {
    const field = make("textarea");
    field.rows = 6;
    field.value = model.get("state").rubric_text;
    field.placeholder = "most 4\n2 names the trap\n1 compares with Part 5\n-1 no number";
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        tell("rubric", field.value);
        close();
      } else if (event.key === "Enter") {
        field.setRangeText("\n", field.selectionStart, field.selectionEnd, "end"); // Lab keeps Enter to itself
      } else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
    });
    open("rubric: a line each, points and words; Ctrl+Enter keeps it, Esc does not", field);
    const keep = button("Keep", null, () => {
      tell("rubric", field.value);
      close();
    });
    parts.form.append(keep);
  }

  // --- keys ---
  const own = { c: openComment, r: openRubric, "?": toggleHelp };
  root.addEventListener("keydown", (event) => {
    if (event.target !== root || event.isComposing || !isAwake) return;
    const isUndo = event.key === "z" && (event.ctrlKey || event.metaKey);
    if (!isUndo && (event.ctrlKey || event.metaKey || event.altKey)) return;
    if (isUndo) press("u");
    else if (own[event.key]) own[event.key]();
    else if (KEYS.includes(event.key) || /^[0-9.,a-z]$/.test(event.key)) press(event.key);
    else return;
    event.preventDefault();
  });

  parts.alarm.textContent = "The desk is opening. If this stays, run the cell above: Shift+Enter.";
  tell("hello");
  return () => {
    clearTimeout(alarm);
    model.off("msg:custom", hear);
    model.off("change:state", show);
  };
}

export default { render };
