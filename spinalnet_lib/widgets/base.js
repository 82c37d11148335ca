/* Shared by all widgets: controls, state in the address, drawing helpers. A classic script without dependencies:
   it runs from a server, from a file, and under a policy that allows this site's own scripts only. */
globalThis.SpinalWidgets = (() => {
  "use strict";
  const kinds = {}, brought = {};
  const SVG = "http://www.w3.org/2000/svg";

  /* spec: {state(values, data), draw(picture, state, values, data, width, set), keepsPicture: greyed, where a state is refused;
     settle(name, value, values, data): all that a person's change sets; effective(values, data): what controls show} */
  function define(kind, spec) { kinds[kind] = spec; }

  /* Called by a data-NAME.js: constants that are too large for the page's HTML. */
  function bring(name, content) { brought[name] = content; }

  function state(kind, values, data) { return kinds[kind].state(values, data); }

  // -- building blocks ----
  function make(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  function shape(tag, attributes, text) {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function label(svg, x, y, text, anchor = "start", css = "") {
    svg.append(shape("text", { x, y, "text-anchor": anchor, class: css }, text));
  }

  function rule(svg, x1, x2, y, css) { svg.append(shape("line", { x1, x2, y1: y, y2: y, class: css })); }

  /* One of four shapes, as the labels of checks show them. */
  function marker(number, x, y, css) {
    if (number % 4 === 0) return shape("circle", { cx: x, cy: y, r: 4, class: css });
    if (number % 4 === 1) return shape("rect", { x: x - 3.5, y: y - 3.5, width: 7, height: 7, class: css });
    const points = number % 4 === 2
      ? `${x},${y - 5} ${x + 5},${y} ${x},${y + 5} ${x - 5},${y}`
      : `${x},${y - 5} ${x + 5},${y + 4} ${x - 5},${y + 4}`;
    return shape("polygon", { points, class: css });
  }

  function thousands(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ","); }

  function ratio(part, whole) {  // to a tenth, by whole numbers, so that Python rounds alike
    const tenths = Math.floor((20 * part + whole) / (2 * whole));
    return `${thousands(Math.floor(tenths / 10))}.${tenths % 10}`;
  }

  function percent(part, whole) { return `${ratio(100 * part, whole)}\u00a0%`; }

  function multiple(part, whole) { return part < 2 * whole ? `${percent(part, whole)} of` : `${ratio(part, whole)} times`; }

  function counted(n, word) { return `${thousands(n)} ${word}${n === 1 ? "" : "s"}`; }

  /* Round marks from 0 to `high`, four to eight of them, at least `least` apart. */
  function steps(high, least) {
    const raw = high / 8, power = 10 ** Math.floor(Math.log10(raw));
    const step = Math.max(least, [1, 2, 5, 10].map((m) => m * power).find((m) => m >= raw));
    return Array.from({ length: Math.floor(high / step) + 1 }, (_, i) => i * step);
  }

  // -- a spinal head's sizes ----
  function splitSizes(features, splits) {
    return Array.from({ length: splits }, (_, i) => Math.floor(features / splits) + (i < features % splits ? 1 : 0));
  }

  function tooFewFeatures(features, splits) {
    return `${counted(features, "feature")} cannot fill ${splits} input splits; lower input splits to ${thousands(features)}`;
  }

  function tooFewLayers(layers, splits) {
    return `${counted(layers, "layer")} cannot read ${splits} input splits; raise layers to ${splits} or lower input splits to ${layers}`;
  }

  /* Why these sizes make no spine, in words of the controls as in show/head_blocks.py; null if they make one. */
  function spineRefusal(features, layers, splits) {
    if (splits > features) return tooFewFeatures(features, splits);
    return layers < splits ? tooFewLayers(layers, splits) : null;
  }

  // -- controls ----
  /* Each builder returns {node, show(value)} and calls change(value) when a person moves it; set(name, value) moves another. */
  const builders = {
    number(control, id, change) {
      const range = { min: control.min, max: control.max, step: 1 };
      const field = make("input", { type: "number", id, inputmode: "numeric", ...range });
      const used = control.used;  // the slider's places, where they are not all whole numbers
      const track = make("input", { type: "range", "aria-label": `${control.label}, slider`, ...range, ...(used && { min: 0, max: used.length - 1 }) });
      const read = (input) => {
        const value = Math.round(Number(used && input === track ? used[track.value] : input.value));
        if (input.value === "" || !Number.isFinite(value)) return;
        change(Math.min(control.max, Math.max(control.min, value)));
      };
      track.addEventListener("input", () => read(track));
      field.addEventListener("input", () => { if (field.validity.valid) read(field); });
      let now;
      field.addEventListener("change", () => { read(field); field.value = now; });  // "1e3" becomes 1000
      return {
        node: make("div", { class: "spinal-control" }, make("label", { for: id }, control.label), field, track),
        show(value) {
          now = value;
          track.value = used ? used.filter((place) => place < value).length : value;
          if (used) track.setAttribute("aria-valuetext", thousands(value));
          if (field.value === "" || Number(field.value) !== value) field.value = value;
        },
      };
    },
    choice(control, id, change) {
      const select = make("select", { id });
      for (const [value, label] of control.options) select.append(make("option", { value }, label));
      select.addEventListener("change", () => change(select.value));
      return {
        node: make("div", { class: "spinal-control" }, make("label", { for: id }, control.label), select),
        show(value) { select.value = value; },
      };
    },
    check(control, id, change) {
      const box = make("input", { type: "checkbox", id });
      box.addEventListener("change", () => change(box.checked));
      return {
        node: make("div", { class: "spinal-control spinal-check" }, box, make("label", { for: id }, control.label)),
        show(value) { box.checked = value; },
      };
    },
    ink(control, id, change, set) {  // what is drawn in the picture; here a clean board
      const button = make("button", { type: "button", id }, control.label);
      button.addEventListener("click", () => { set(control.board, 0); change(""); });
      return { node: make("div", { class: "spinal-control spinal-buttons" }, button), show() {} };
    },
    checks(control, id, change) {
      const boxes = control.options.map((label, i) => {
        const box = make("input", { type: "checkbox", id: `${id}-${i}` });
        box.addEventListener("change", () => change(boxes.flatMap((b, j) => (b.checked ? [j] : []))));
        return box;
      });
      const lines = boxes.map((box, i) =>
        make("div", { class: `spinal-check spinal-key-${i % 4} spinal-ink-${control.inks[i]}` }, box, make("label", { for: `${id}-${i}` }, control.options[i])));
      return {
        node: make("fieldset", { class: "spinal-control" }, make("legend", {}, control.label), ...lines),
        show(value) { boxes.forEach((box, i) => { box.checked = value.includes(i); }); },
      };
    },
  };

  // -- one widget ----
  /* store: {get(name), set(name, value), subscribe(callback)}; start: what Reset goes back to;
     link: gives the address of this state and puts it into the address bar, or null where there is none */
  function mount(host, config, store, start, link) {
    const id = `spinal-${document.spinalCount = (document.spinalCount || 0) + 1}`;  // one count for all scripts of a window
    const values = () => Object.fromEntries(config.controls.map((c) => [c.name, store.get(c.name)]));
    const spec = kinds[config.kind];
    const set = (name, value) => {
      const all = spec.settle ? spec.settle(name, value, values(), config.data) : { [name]: value };
      for (const [key, settled] of Object.entries(all)) store.set(key, settled);
    };
    const controls = config.controls.map((c) => builders[c.type](c, `${id}-${c.name}`, (value) => set(c.name, value), set));
    const picture = make("div", { class: "spinal-picture" });
    const body = make("tbody", {});
    const say = make("p", { class: "spinal-summary" });
    // Spoken apart from what is seen, once the control has come to rest: a slider must not read out every step.
    const spoken = make("p", { class: "spinal-spoken", "aria-live": "polite", role: "status" });
    const table = make("div", { class: "spinal-scroll", tabindex: "0", role: "region", "aria-label": `${config.title}: numbers` },
      make("table", {}, body));
    let silence;
    const reset = make("button", { type: "button" }, "Reset");
    const buttons = make("div", { class: "spinal-buttons" }, reset);
    reset.addEventListener("click", () => { for (const [name, value] of Object.entries(start)) store.set(name, value); });
    if (link) {
      const copy = make("button", { type: "button" }, "Copy link to this state");
      copy.addEventListener("click", async () => {
        try { await navigator.clipboard.writeText(link()); copy.textContent = "Copied"; }
        catch { copy.textContent = "The address bar holds the link"; }
        setTimeout(() => { copy.textContent = "Copy link to this state"; }, 2000);
      });
      buttons.append(copy);
    }
    const [shown, more] = [false, true].map((later) => controls.filter((_, i) => Boolean(config.controls[i].more) === later).map((c) => c.node));
    const panel = make("div", { class: "spinal-controls" }, ...shown);
    if (more.length) panel.append(make("details", { class: "spinal-more" }, make("summary", {}, "More"), ...more));
    host.append(make("section", { class: "spinal-app", "aria-label": config.title },
      make("p", { class: "spinal-title" }, config.title),
      picture, panel, say, spoken, table, buttons));

    function render() {
      const now = values(), shows = spec.effective ? spec.effective(now, config.data) : now;
      controls.forEach((control, i) => control.show(shows[config.controls[i].name]));
      const current = state(config.kind, now, config.data);
      if (say.textContent && say.textContent !== current.summary) {
        clearTimeout(silence);
        silence = setTimeout(() => { spoken.textContent = current.summary; }, 600);
      }
      say.textContent = current.summary;
      say.classList.toggle("spinal-error", Boolean(current.error));
      table.hidden = !current.rows.length;
      body.replaceChildren(...current.rows.map(([name, value]) =>
        make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, value))));
      const width = Math.max(240, Math.floor(picture.clientWidth || host.clientWidth || 640));
      const keeps = Boolean(current.error && spec.keepsPicture);
      picture.classList.toggle("spinal-greyed", keeps);
      if (!keeps) picture.replaceChildren();
      if (!current.error) spec.draw(picture, current, shows, config.data, width, set);
      for (const svg of picture.querySelectorAll("svg")) {
        svg.setAttribute("role", "img");
        if (!svg.hasAttribute("aria-label")) svg.setAttribute("aria-label", current.summary);
      }
    }
    const unsubscribe = store.subscribe(render);  // a notebook may take the widget away, a page does not
    let lastWidth = 0;
    const observer = new ResizeObserver(() => {
      if (picture.clientWidth !== lastWidth) { lastWidth = picture.clientWidth; render(); }
    });
    observer.observe(picture);
    render();
    return () => { unsubscribe?.(); observer.disconnect(); };
  }

  /* Live in a notebook: anywidget's model is the store. */
  function live(model, el) {
    el.classList.add("spinal-widget", "spinal-is-live");
    const config = model.get("_config");
    const names = config.controls.map((c) => c.name);
    const store = {
      get: (name) => model.get(name),
      set: (name, value) => { model.set(name, value); model.save_changes(); },
      subscribe: (callback) => {
        const events = names.map((name) => `change:${name}`);
        for (const event of events) model.on(event, callback);
        return () => { for (const event of events) model.off(event, callback); };
      },
    };
    return mount(el, config, store, Object.fromEntries(names.map((name) => [name, model.get(name)])), null);
  }

  // -- the page: state in the address, #name:control=value&control=value;name:… ----
  function readAddress() {
    const found = {};
    let text = "";
    try { text = decodeURIComponent(location.hash.slice(1)); } catch { /* a "%" that encodes nothing: no state */ }
    for (const part of text.split(";")) {
      const colon = part.indexOf(":");
      if (colon < 1) continue;
      found[part.slice(0, colon)] = Object.fromEntries(new URLSearchParams(part.slice(colon + 1)));
    }
    return found;
  }

  /* A value from the address, or undefined where it is none that the control could have. */
  function parse(control, text) {
    if (control.type === "number") {
      const value = /^\d+$/.test(text) ? Number(text) : NaN;
      return value >= control.min && value <= control.max ? value : undefined;
    }
    if (control.type === "check") return ["true", "false"].includes(text) ? text === "true" : undefined;
    if (control.type === "choice") return control.options.some(([value]) => value === text) ? text : undefined;
    if (control.type === "ink") return text.length <= control.longest && text.length % 4 !== 1 && /^[\w-]*$/.test(text) ? text : undefined;
    if (text === "") return [];
    const chosen = /^\d+(\.\d+)*$/.test(text) ? text.split(".").map(Number) : [Infinity];
    return chosen.every((i) => i < control.options.length) ? control.options.flatMap((_, i) => (chosen.includes(i) ? [i] : [])) : undefined;
  }

  function mountAll() {
    const pages = [];
    const seen = {};
    for (const host of document.querySelectorAll(".spinal-widget:not(.spinal-is-live)")) {
      const config = JSON.parse(host.querySelector("script[type='application/json']").textContent);
      for (const file of (host.dataset.files || "").split(" ").filter(Boolean)) config.data[file] = brought[file];
      const nth = seen[config.kind] = (seen[config.kind] || 0) + 1;
      if (pages.some((page) => page.config.title === config.title)) config.title += ` ${nth}`;
      const name = nth === 1 ? config.kind : `${config.kind}-${nth}`;
      const values = { ...config.values };
      const page = { host, name, config, values, touched: false };
      pages.push(page);
      host.dataset.name = name;
      page.store = {
        get: (key) => values[key],
        set: (key, value) => { values[key] = value; page.touched = true; page.redraw(); writeSoon(pages); },
        subscribe: (call) => { page.redraw = call; },
      };
    }
    const linked = applyAddress(pages);
    for (const page of pages) {
      mount(page.host, page.config, page.store, page.config.values, () => { write([page]); return location.href; });
      page.host.classList.add("spinal-is-live");  // only now: had anything failed, the still picture would remain
      unfold(page);
    }
    if (linked.length) addEventListener("load", () => linked[0].host.scrollIntoView({ block: "start" }));
    addEventListener("hashchange", () => {
      const named = applyAddress(pages);
      for (const page of pages) page.redraw();
      for (const page of named) unfold(page);
      for (const page of named) page.host.querySelector(".spinal-picture").scrollIntoView({ block: "nearest" });
    });
  }

  /* What a link has set can be seen: "More" is open where a control behind it departs from its default. */
  function unfold({ host, config, values }) {
    const departs = config.controls.some(({ more, name }) => more && String(values[name]) !== String(config.values[name]));
    if (departs) host.querySelector(".spinal-more").open = true;
  }

  /* Each widget that the address names takes its defaults with what the address says; without an address all take theirs. */
  function applyAddress(pages) {
    const address = readAddress();
    const named = pages.filter((page) => address[page.name]);
    for (const page of location.hash.length > 1 ? named : pages) {
      page.touched = named.includes(page);
      Object.assign(page.values, page.config.values);
      for (const control of page.config.controls) {
        const text = address[page.name]?.[control.name];
        const value = text === undefined ? undefined : parse(control, text);
        if (value !== undefined) page.values[control.name] = value;
      }
    }
    return named;
  }

  function write(pages) {
    const text = (value) => (Array.isArray(value) ? value.join(".") : String(value));
    const parts = pages.map((page) =>
      `${page.name}:${Object.entries(page.values).map(([name, value]) => `${name}=${text(value)}`).join("&")}`);
    history.replaceState(null, "", `#${parts.join(";")}`);
  }

  let pause;
  function writeSoon(pages) {  // browsers limit how often a page may write its address
    clearTimeout(pause);
    pause = setTimeout(() => write(pages.filter((page) => page.touched)), 200);
  }

  return {
    define, bring, state, make, shape, label, rule, thousands, ratio, percent, multiple, counted, steps, marker,
    splitSizes, tooFewFeatures, tooFewLayers, spineRefusal, live, mountAll,
  };
})();
