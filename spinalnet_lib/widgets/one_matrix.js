/* One matrix: the same blocks as spinalnet_lib/show/head_blocks.py, the same words as one_matrix.py; a tap switches a block. */
(() => {
  "use strict";
  const { define, make, shape, label, rule, thousands, percent, multiple, splitSizes, tooFewFeatures, tooFewLayers } = globalThis.SpinalWidgets;
  const [REST_FIRST, SPLIT, REST, CHAIN, EARLIER, LAST, OUTPUTS, DIRECT] = [0, 1, 2, 3, 4, 5, 6, 7];
  const SPINE = [SPLIT, CHAIN, LAST, OUTPUTS], ARCH2 = { sizes: [784, 1440, 320], depths: [10, 8, 8], features: 2544 };
  const KINDS = [["input", "features → layer"], ["chain", "layer → layer"], ["output", "→ logits"]];
  const heard = new WeakMap(), strips = new WeakMap();

  const sum = (numbers) => numbers.reduce((total, n) => total + n, 0);
  const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
  const hasLayers = (blocks) => blocks.includes(LAST) || blocks.includes(OUTPUTS);
  const isHead = (name) => !name.includes(":");
  function roundEven(x) { const r = Math.round(x); return x % 1 === 0.5 && r % 2 ? r - 1 : r; }  // as Python rounds

  // -- presets ----
  function effective(values, data) { return { ...values, ...data.presets[values.preset] }; }

  function presetOf(values, data) {
    const fits = (name) => data.presets[name] && Object.entries(data.presets[name]).every(([key, value]) => same(values[key], value));
    return [values.preset, ...Object.keys(data.presets)].find(fits) || "own";
  }

  /* What a person's change sets, of it what is new: a preset goes before the values that it sets. */
  function settle(name, value, values, data) {
    if (name === "preset" && value !== "own") return { preset: value };
    const whole = { ...effective(values, data), [name]: value };
    if (name !== "preset") whole.preset = presetOf(whole, data);
    const { preset, ...others } = whole;
    return Object.fromEntries(Object.entries({ ...others, preset }).filter(([key, now]) => !same(now, values[key])));
  }

  // -- the matrix ----
  function refusal(v, switches) {
    const on = (n) => v.blocks.includes(n);
    let features = v.in_features, layers = v.num_layers, splits = v.num_splits;
    if (!hasLayers(v.blocks)) return on(DIRECT) ? null : `Nothing reaches the logits; switch on “${switches[LAST]}” or “${switches[DIRECT]}”`;
    if (v.twist === "one") layers = 1;
    if (v.twist === "arch2" && features !== ARCH2.features) return `The paper's three spines read ${thousands(ARCH2.features)} features; set features to that`;
    if (v.twist === "arch2") { layers = Math.min(...ARCH2.depths); splits = 2; }
    if (v.twist === "columns") { features = Math.floor(features / 2); splits = 2; }
    if (v.twist === "cells" && features % splits) {
      return `${thousands(features)} features make no ${splits} cells of one size; set features to a multiple of input splits`;
    }
    const cut = !on(REST_FIRST) || (layers > 1 && on(SPLIT) !== on(REST)), needsSpine = ["spine", "one"].includes(v.twist);
    if ((cut || needsSpine) && splits > features) return tooFewFeatures(features, splits);
    if (needsSpine && v.num_layers < splits) return tooFewLayers(v.num_layers, splits);
    if (!on(REST_FIRST) && !(on(REST) && layers > 1)) {
      if (!on(SPLIT) && splits > 1) return `Only split 0 is read; switch on “${switches[SPLIT]}” or “${switches[REST_FIRST]}”`;
      if (layers < splits) return tooFewLayers(layers, splits);
    }
    if (!on(LAST)) return `The last layer feeds nothing; switch on “${switches[LAST]}”`;
    if (!on(OUTPUTS) && layers > 1 && !on(CHAIN)) return `Layers feed nothing; switch on “${switches[OUTPUTS]}” or “${switches[CHAIN]}”`;
    return null;
  }

  function columnSizes(v) {
    if (v.twist === "arch2") return [ARCH2.sizes, ARCH2.depths];
    if (v.twist === "columns") return [splitSizes(v.in_features, 2), [v.num_layers, v.num_layers]];
    return [[v.in_features], [v.twist === "one" ? 1 : v.num_layers]];
  }

  function widthOf(v, width, layer) { return v.twist === "halves" ? Math.max(1, Math.floor(width / 2 ** layer)) : width; }

  /* Runs of features that a layer reads as its own. */
  function runsOf(twist, layer, start, sizes) {
    const features = sum(sizes), split = layer % sizes.length;
    const first = start + sum(sizes.slice(0, split)), last = first + sizes[split];
    if (twist === "random") return [[start, start + features]];
    if (twist === "overlap") {
      return [[first - (split ? roundEven(0.25 * sizes[split - 1]) : 0), last + (split + 1 < sizes.length ? roundEven(0.25 * sizes[split + 1]) : 0)]];
    }
    if (twist === "windows") {
      const size = Math.max(1, roundEven(features / sizes.length)), from = (layer * size) % features, to = from + size;
      return to > features ? [[start, start + to - features], [start + from, start + features]] : [[start + from, start + to]];
    }
    return [[first, last]];
  }

  /* First feature and the one after the last of each split: of every spine in turn, none where they are drawn at random. */
  function splitsOf(twist, sizes, splits) {
    if (twist === "random") return [];
    const features = sum(sizes), window = Math.max(1, roundEven(features / splits));
    const cut = twist === "windows" ? Array(splits).fill(window) : sizes.flatMap((size) => splitSizes(size, splits));
    const ends = [0, ...cut.map((_, i) => Math.min(features, sum(cut.slice(0, i + 1))))];
    return cut.map((_, i) => [ends[i], ends[i + 1]]).filter(([start, stop]) => start < stop);
  }

  function gaps(runs, start, stop) {
    const ends = [start, ...runs.flat(), stop], found = [];
    for (let i = 0; i < ends.length; i += 2) if (ends[i] < ends[i + 1]) found.push([ends[i], ends[i + 1]]);
    return found;
  }

  function matrixOf(v, width) {
    const { twist, in_features: features, num_classes: classes } = v, live = hasLayers(v.blocks);
    const merged = twist === "columns" || twist === "arch2", blocks = [], off = [], layers = [], spines = [];
    const [sizes, depths] = columnSizes(v);
    let row = 0, from = 0;
    sizes.forEach((size, j) => {
      const spine = [];
      for (let i = 0; i < depths[j]; i += 1) {
        spine.push(layers.length);
        layers.push([row, widthOf(v, width, i)]);
        row += widthOf(v, width, i);
      }
      spines.push([from, size, spine]);
      from += size;
    });
    if (merged) { layers.push([row, v.hidden_size]); row += v.hidden_size; }
    const top = row;
    const put = (kind, way, reader, first, columns, source, share = 1, used = 1) => {
      const [y, rows] = reader >= 0 ? layers[reader] : [top, classes];
      if (!rows || !columns) return;
      const macs = rows * (share === 1 ? columns : share), lives = live || (reader < 0 && way === DIRECT);
      (lives && (way < 0 || v.blocks.includes(way)) ? blocks : off).push([kind, way, y, rows, first, columns, macs * used, macs, reader, source]);
    };
    const splits = merged ? 2 : v.num_splits;
    let own = 0;
    for (const [start, size, spine] of spines) {
      const cut = splitSizes(size, splits);
      spine.forEach((n, i) => {
        const used = (twist === "shared" && i > 1) || (twist === "tied" && i >= 2 * splits) ? 0 : 1;
        own += used * layers[n][1];
        const runs = runsOf(twist, i, start, cut);
        for (const [a, b] of runs) {
          const padded = twist === "shared" ? Math.ceil(size / splits) : b - a;
          const share = twist === "random" ? cut[i % splits] : padded === b - a ? 1 : padded;
          put("input", i ? SPLIT : -1, n, a, b - a, -1, share, used);
        }
        for (const [a, b] of gaps(runs, start, start + size)) put("input", i ? REST : REST_FIRST, n, a, b - a, -1);
        for (const before of spine.slice(0, i)) {
          put("chain", before === n - 1 ? CHAIN : EARLIER, n, features + layers[before][0], layers[before][1], before, 1, used);
        }
        put("output", i === spine.length - 1 ? LAST : OUTPUTS, merged ? layers.length - 1 : -1, features + layers[n][0], layers[n][1], n);
      });
    }
    if (merged) {
      own += v.hidden_size;
      put("output", -1, -1, features + layers[layers.length - 1][0], v.hidden_size, layers.length - 1);
    }
    put("output", DIRECT, -1, 0, features, -1);
    const weights = sum(blocks.map((b) => b[6]));
    return {
      blocks, off, layers, splits: splitsOf(twist, sizes, splits), top, weights,
      parameters: weights + (live ? own : 0) + classes, macs: sum(blocks.map((b) => b[7])),
      filled: sum(blocks.map((b) => Math.min(b[7], b[3] * b[5]))), cells: live ? (top + classes) * (features + top) : classes * features,
    };
  }

  /* The largest whole number up to `most` of which `fits` holds, 0 if of none; it holds up to some number. */
  function largest(most, fits) {
    let low = 0, high = most;
    while (low < high) {
      const middle = Math.floor((low + high + 1) / 2);
      if (fits(middle)) low = middle; else high = middle - 1;
    }
    return low;
  }

  /* A count as a function of the layer width: a quadratic, so three counts give it. */
  function byWidth(v, key) {
    const [one, two, three] = [1, 2, 3].map((width) => matrixOf(v, width)[key]), bend = three - 2 * two + one;
    return (width) => one + (width - 1) * (two - one) + (((width - 1) * (width - 2)) / 2) * bend;
  }

  const isSolved = (v) => hasLayers(v.blocks) && ["spine", "one", "dense"].includes(v.twist);

  function solvedWidth(v) {
    if (!isSolved(v)) return v.layer_width;
    const budget = v.twist === "dense" ? v.hidden_size * (v.in_features + v.num_classes + 1) + v.num_classes
      : matrixOf({ ...v, blocks: SPINE, twist: "none" }, v.layer_width).parameters;
    const size = byWidth(v, "parameters");
    const width = Math.max(1, largest(budget, (w) => size(w) <= budget));
    return budget - size(width) <= size(width + 1) - budget ? width : width + 1;
  }

  function headBlocks(v) { const width = solvedWidth(v); return { ...matrixOf(v, width), layer_width: width }; }

  function cheaperUpTo(v, weights) {
    if (!hasLayers(v.blocks) || isSolved(v) || v.twist === "halves") return null;
    const count = byWidth(v, "weights");
    return weights.map((most) => largest(most, (width) => count(width) < most));
  }

  // -- names ----
  function told(blocks, v) {
    if (!hasLayers(blocks)) return [DIRECT];
    const empty = [];
    if (v.num_layers === 1) empty.push(SPLIT, REST, CHAIN, EARLIER, OUTPUTS);
    if (v.num_layers === 2) empty.push(EARLIER);
    if (v.num_splits === 1) empty.push(REST_FIRST, REST);
    return blocks.filter((n) => !empty.includes(n));
  }

  function armsOf(v, data) {
    if (!hasLayers(v.blocks)) return ["linear"];
    const names = [], known = { arch2: "columns", halves: "none" }[v.twist] || v.twist;
    for (const name of Object.keys(data.presets).filter(isHead)) {
      const preset = data.presets[name];
      if (preset.twist !== known || (v.twist === "halves" && name !== "mlp")) continue;
      if (same(preset.blocks, v.blocks)) names.unshift(name);
      else if (known === "none" && same(told(preset.blocks, v), told(v.blocks, v))) names.push(name);
    }
    return names;
  }

  function argumentsOf(name, v) {
    const width = v.layer_width, layers = v.num_layers;
    if (name === "linear") return {};
    if (name === "mlp") return { hidden_sizes: Array.from({ length: layers }, (_, i) => widthOf(v, width, i)) };
    if (name === "spinal_columns") {
      const [sizes, depths] = columnSizes(v);
      return { column_sizes: sizes, layer_width: width, num_layers: depths, hidden_size: v.hidden_size };
    }
    if (name === "spinal_big") return { hidden_sizes: v.hidden_size, num_layers: layers, num_splits: v.num_splits };
    const found = { layer_width: width, num_layers: layers };
    return ["spinal_full", "progressive"].includes(name) ? found : { ...found, num_splits: v.num_splits };
  }

  // -- words ----
  function listed(layers) {
    const numbers = [...new Set(layers.filter((n) => n >= 0))].sort((a, b) => a - b);
    const said = numbers.length ? [`${numbers.length === 1 ? "layer" : "layers"} ${numbers.join(", ")}`] : [];
    if (layers.includes(-1)) said.push("the logits");
    return said.join(" and ") || "nothing";
  }

  function touches(block, look, matrix) {
    const [kind, text] = look.split("-"), n = Number(text);
    if (kind === "layer") return block[8] === n || block[9] === n;
    const [start, stop] = matrix.splits[n] || [0, 0];
    return block[9] === -1 && block[4] < stop && block[4] + block[5] > start;
  }

  function looked(look, matrix, twist) {
    const [kind, text] = look.split("-"), n = Number(text), blocks = matrix.blocks;
    if (kind === "split") {
      if (twist === "random") return "drawn at random, in no one place";
      if (n >= matrix.splits.length) return "there is none";
      const [start, stop] = matrix.splits[n];
      const readers = blocks.filter((b) => touches(b, look, matrix)).map((b) => b[8]);
      return `features ${thousands(start)} to ${thousands(stop - 1)}, read by ${listed(readers)}`;
    }
    const reads = blocks.filter((b) => b[8] === n);
    if (n >= matrix.layers.length || !reads.length) return "there is none";
    const columns = sum(reads.filter((b) => b[9] === -1).map((b) => b[5])), layers = reads.map((b) => b[9]).filter((m) => m >= 0);
    const parts = [...(columns ? [`${thousands(columns)} features`] : []), ...(layers.length ? [listed(layers)] : [])];
    return `reads ${parts.join(" and ")}; feeds ${listed(blocks.filter((b) => b[9] === n).map((b) => b[8]))}`;
  }

  function call(name, v, given) {  // lists as Python writes them
    const said = Object.entries(given).map(([key, value]) => `, ${key}=${JSON.stringify(value).replace(/,/g, ", ")}`).join("");
    return `create_head("${name}", ${v.in_features}, ${v.num_classes}${said})`;
  }

  function upTo(width) { return width ? `up to layer width ${thousands(width)}` : "at no layer width"; }

  function state(values, data) {
    const v = effective(values, data), error = refusal(v, data.switches);
    if (error) return { error, rows: [], summary: error };
    const matrix = headBlocks(v), names = armsOf(v, data);
    const twin = { ...headBlocks({ ...v, ...data.presets.mlp, layer_width: v.hidden_size }), off: [] };
    const cheaper = cheaperUpTo(v, [twin.weights, v.in_features * v.num_classes]);
    const pairs = [["weights", "weights"], ["parameters", "parameters"], ["multiply-adds", "macs"]]
      .map(([word, key]) => [word, thousands(matrix[key]), thousands(twin[key])]);
    const zeros = [matrix, twin].map((m) => percent(m.cells - m.filled, m.cells));
    pairs.push(["zeros in its matrix", ...zeros]);
    const others = names.length > 1 ? `; at these sizes ${names.slice(1).join(", ")} are the same matrix` : "";
    const rows = [["head", names.length ? names[0] + others : "none of the registry"]];
    for (const [word, ours, theirs] of pairs) rows.push([word, v.twin ? `${ours}; dense twin ${theirs}` : ours]);
    if (matrix.layer_width !== v.layer_width) rows.push(["layer width, solved", thousands(matrix.layer_width)]);
    if (cheaper) {
      rows.push(["fewer weights than the dense twin", upTo(cheaper[0])]);
      rows.push(["fewer weights than one Linear", upTo(cheaper[1])]);
    }
    const given = names.length ? argumentsOf(names[0], v) : null;
    if (given) rows.push(["in code", call(names[0], v, given)]);
    if (v.look !== "none") rows.push([data.looks[v.look], looked(v.look, matrix, v.twist)]);
    const subject = names.length ? `These blocks are ${names[0]}` : "No registered head has these blocks";
    return {
      error: null, ...matrix, arms: names, arguments: given, twin, cheaper, rows,
      summary: `${subject}: ${thousands(matrix.weights)} weights, ${multiple(matrix.weights, twin.weights)} the dense twin's; ` +
        `${zeros[0]} of its matrix is zero, of the twin's ${zeros[1]}.`,
    };
  }

  // -- the picture ----
  /* Listens on the picture, which stays, while what is in it is drawn anew. */
  function listen(picture, now) {
    if (heard.has(picture)) { Object.assign(heard.get(picture), now); return; }
    const last = { ...now };
    heard.set(picture, last);
    picture.addEventListener("click", (event) => {
      const { way, look } = event.target.dataset || {};
      if (look) last.set("look", look === last.v.look ? "none" : look);
      if (way === undefined) return;
      const n = Number(way), on = last.v.blocks;
      last.set("blocks", on.includes(n) ? on.filter((m) => m !== n) : [...on, n].sort((a, b) => a - b));
    });
  }

  function block(svg, x, y, wide, tall, attributes, words) {
    const node = shape("rect", { x, y, width: Math.max(0.75, wide), height: Math.max(0.75, tall), ...attributes });
    if (words) node.append(shape("title", {}, words));
    svg.append(node);
  }

  function panel(svg, m, v, data, at) {
    const { x0, y0, sx, sy, isTwin } = at, x = (column) => x0 + column * sx, y = (row) => y0 + row * sy;
    const rows = m.top + v.num_classes, columns = v.in_features + m.top;
    svg.append(shape("rect", { x: x(0), y: y(0), width: columns * sx, height: rows * sy, class: "spinal-frame" }));
    svg.append(shape("line", { x1: x(v.in_features), x2: x(v.in_features), y1: y(0), y2: y(rows), class: "spinal-grid spinal-dashed" }));
    for (const [, way, row, tall, column, wide] of m.off) {
      if (way >= 0) block(svg, x(column) + 1, y(row) + 1, wide * sx - 2, tall * sy - 2, { class: "spinal-ghost", "data-way": way }, `${data.switches[way]}: off`);
    }
    for (const b of m.blocks) {
      const [kind, way, row, tall, column, wide, weights, macs] = b;
      const away = !isTwin && v.look !== "none" && !touches(b, v.look, m);
      const opacity = (away ? 0.2 : 1) * (weights ? Math.max(0.25, Math.min(1, macs / (tall * wide))) : 0.4);
      const marks = { class: `spinal-block spinal-fill-${isTwin ? "dense" : kind}`, "fill-opacity": opacity.toFixed(2), ...(!isTwin && way >= 0 && { "data-way": way }) };
      block(svg, x(column), y(row), wide * sx, tall * sy, marks, isTwin ? null : `${data.switches[way] || "always on"}${weights ? "" : ": another layer's weights"}`);
    }
    if (isTwin) return;
    m.splits.forEach(([start, stop], i) => {
      const look = `split-${i}`;
      if ((stop - start) * sx > 12) label(svg, x((start + stop) / 2), y0 - 14, (stop - start) * sx > 44 ? `split ${i}` : i, "middle");
      rule(svg, x(start) + 1, x(stop) - 1, y0 - 7, v.look === look ? "spinal-bar-on" : "spinal-bar");
      block(svg, x(start), y0 - 26, (stop - start) * sx, 24, { class: "spinal-touch", "data-look": look }, `what reads split ${i}`);
    });
    let free = y0 - 20;
    m.layers.forEach(([row, tall], i) => {
      const look = `layer-${i}`, middle = y(row + tall / 2);
      if (middle - free >= 13) { label(svg, x0 - 6, middle + 4, `layer ${i}`, "end", v.look === look ? "spinal-strong" : ""); free = middle; }
      block(svg, x0 - 56, y(row), 54, tall * sy, { class: "spinal-touch", "data-look": look }, `what layer ${i} reads and feeds`);
    });
    label(svg, x0 - 6, Math.max(y(m.top + v.num_classes / 2) + 4, free + 17), "logits", "end");
  }

  function draw(picture, s, v, data, width, set) {
    listen(picture, { v, set });
    const narrow = width < 560, left = 60, head = 48, foot = 10, beside = v.twin && !narrow;
    const shown = v.twin ? [s, s.twin] : [s];
    const columns = Math.max(...shown.map((m) => v.in_features + m.top)), rows = Math.max(...shown.map((m) => m.top + v.num_classes));
    const wide = beside ? (width - left - 24) / 2 : width - left - 4;
    const sx = Math.min(22, wide / columns), sy = Math.min(22, (narrow ? 210 : 300) / rows);
    const bottom = (m, y0) => y0 + (m.top + v.num_classes) * sy + foot;
    const second = beside ? head : bottom(s, head) + 26;
    const height = Math.max(bottom(s, head), v.twin ? bottom(s.twin, second) : 0);
    const svg = shape("svg", { width, height, class: "spinal-matrix" });
    label(svg, left, 14, s.arms[0] || "no registered head", "start", "spinal-strong");
    panel(svg, s, v, data, { x0: left, y0: head, sx, sy });
    if (v.twin) {
      const x0 = beside ? left + wide + 20 : left;
      label(svg, x0, beside ? 14 : second - 8, `dense twin, ${thousands(v.hidden_size)} hidden`, "start", "spinal-strong");
      panel(svg, s.twin, v, data, { x0, y0: second, sx, sy, isTwin: true });
    }
    const key = make("p", { class: "spinal-legend" });
    for (const [kind, words] of KINDS) key.append(make("span", { class: `spinal-swatch spinal-swatch-${kind}` }), `${words} `);
    key.append(make("span", { class: "spinal-swatch spinal-swatch-off" }), "off: tap a block to switch it, a split or a layer to look at it");
    picture.append(svg, key);
    thumbs(picture, v, data, set);
  }

  /* Every preset as a small picture. The keyboard has the same list in the control "head". */
  function thumbs(picture, v, data, set) {
    if (!strips.has(picture)) {
      const strip = make("div", { class: "spinal-thumbs", "aria-hidden": "true" });
      for (const name of Object.keys(data.presets)) {
        const own = { ...v, ...data.small, ...data.presets[name], ...(isHead(name) && { hidden_size: data.small.hidden_size }) };
        const m = headBlocks(own), svg = shape("svg", { width: 64, height: 44 });
        const sx = 64 / (own.in_features + m.top), sy = 44 / (m.top + own.num_classes);
        svg.append(shape("rect", { x: 0, y: 0, width: 64, height: 44, class: "spinal-frame" }));
        for (const [kind, , row, tall, column, wide, weights] of m.blocks) {
          block(svg, column * sx, row * sy, wide * sx, tall * sy, { class: `spinal-fill-${kind}`, "fill-opacity": weights ? 1 : 0.4 });
        }
        const button = make("button", { type: "button", tabindex: "-1", "data-preset": name }, svg, make("span", {}, name));
        button.addEventListener("click", () => heard.get(picture).set("preset", name));
        strip.append(button);
      }
      picture.after(strip);
      strips.set(picture, strip);
    }
    for (const button of strips.get(picture).children) button.classList.toggle("spinal-pressed", button.dataset.preset === v.preset);
  }

  define("one-matrix", { state, draw, settle, effective, keepsPicture: true });
})();
