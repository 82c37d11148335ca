/* Weight counter: the same counts as spinalnet_lib/widgets/weight_counter.py, bars and the crossover curve. */
(() => {
  "use strict";
  const { define, shape, label, rule, thousands, counted, multiple, steps, splitSizes, spineRefusal } = globalThis.SpinalWidgets;

  const NAMES = { spinal: "spinal head", dense: "dense head", linear: "one Linear" };

  const THE = { dense: "the dense head", linear: "one Linear" };

  /* Layers with weights of their own: of a tied spine those of the first two rounds. */
  function ownLayers(v, of) { return of.tied ? Math.min(v.num_layers, 2 * v.num_splits) : v.num_layers; }

  /* Weights of a spinal head of width w: square w² + line w. */
  function terms(v, of) {
    const sizes = splitSizes(v.in_features, v.num_splits), own = ownLayers(v, of);
    let read = 0;
    for (let i = 0; i < own; i += 1) read += sizes[i % v.num_splits];
    return { square: own - 1, line: read + v.num_layers * v.num_classes };
  }

  function count(w, { square, line }) { return square * w * w + line * w; }

  /* The largest width with fewer weights than `weights`; the count grows with the width. */
  function largestCheaperWidth(weights, form) {
    let low = 0, high = weights;
    while (low < high) {
      const middle = Math.floor((low + high + 1) / 2);
      if (count(middle, form) < weights) low = middle; else high = middle - 1;
    }
    return low;
  }

  function state(v, of) {
    const d = v.in_features, c = v.num_classes, h = v.hidden_size || 0, L = v.num_layers, k = v.num_splits, w = v.layer_width;
    const error = spineRefusal(d, L, k);
    if (error) return { error, rows: [], summary: error };
    const sizes = splitSizes(d, k), form = terms(v, of), n = of.hidden_layers;
    const weights = { spinal: count(w, form) };
    if (n) weights.dense = d * h + (n - 1) * h * h + h * c;
    weights.linear = d * c;
    const units = { spinal: ownLayers(v, of) * w, dense: n * h, linear: 0 };  // a bias each, and with a norm two numbers more
    const parameters = {}, crossings = {};
    for (const name of Object.keys(weights)) {
      parameters[name] = weights[name] + (of.norms.includes(name) ? 3 : 1) * units[name] + c;
      if (name !== "spinal") crossings[name] = largestCheaperWidth(weights[name], form);
    }
    const hidden = n > 1 ? `${n} × ${thousands(h)}` : thousands(h);
    const labels = { ...NAMES, spinal: `spinal head${of.tied ? ", layers shared" : ""}`, dense: `dense head, ${hidden} hidden` };
    const dense = n ? `${multiple(weights.spinal, weights.dense)} the dense head's weights and ` : "";
    const both = (name) => `${counted(weights[name], "weight")}, ${counted(parameters[name], "parameter")}`;
    return {
      error: null, weights, parameters, split_sizes: sizes, crossings,
      rows: [
        ...Object.keys(weights).map((name) => [labels[name], both(name)]),
        ["input splits", sizes.join(" + ")],
        ...Object.keys(crossings).map((name) => [`fewer weights than ${THE[name]}`, upTo(crossings[name])]),
      ],
      summary: `The spinal head has ${dense}${multiple(weights.spinal, weights.linear)} one Linear's${n ? "" : " weights"}.`,
    };
  }

  function upTo(width) { return width ? `up to layer width ${thousands(width)}` : "at no layer width"; }

  function short(n) {
    if (n >= 1e6) return `${Number((n / 1e6).toPrecision(3))} M`;
    return n >= 1e4 ? `${Number((n / 1e3).toPrecision(3))} k` : thousands(n);
  }

  function draw(picture, s, v, data, width) {
    const names = Object.keys(s.weights), rivals = Object.keys(s.crossings);
    const bars = shape("svg", { width, height: 36 * names.length + 14 });
    const most = Math.max(...Object.values(s.weights));
    names.forEach((name, i) => {
      const y = 36 * i, full = width - 96, long = Math.max(1, (full * s.weights[name]) / most);
      label(bars, 0, y + 11, NAMES[name]);
      bars.append(shape("rect", { x: 0, y: y + 15, width: long, height: 15, class: `spinal-fill-${name}` }));
      bars.append(shape("text", { x: long + 6, y: y + 27, class: "spinal-number", "data-count": name }, thousands(s.weights[name])));
    });

    const height = 240, left = 56, right = width - 12, top = 26, bottom = height - 38;
    const curve = shape("svg", { width, height, "aria-label": "Weights of the spinal head against its layer width: " +
      `${rivals.map((name) => `fewer than ${THE[name]} ${upTo(s.crossings[name])}`).join(", ")}.` });
    const last = Math.max(8, Math.ceil(1.25 * Math.max(v.layer_width, ...Object.values(s.crossings))));
    const form = terms(v, data), half = form.line / 2;
    const high = 1.08 * Math.max(count(last, form), ...rivals.map((name) => s.weights[name]));
    const x = (w) => left + ((right - left) * w) / last, y = (n) => bottom - ((bottom - top) * n) / high;
    for (const n of steps(high, 1)) {
      rule(curve, left, right, y(n), "spinal-grid");
      label(curve, left - 6, y(n) + 4, short(n), "end");
    }
    for (const w of steps(last, 1)) label(curve, x(w), bottom + 16, thousands(w), "middle");
    label(curve, right, height - 4, "layer width", "end");
    label(curve, 0, 12, "weights of the spinal head");
    const points = Array.from({ length: 61 }, (_, i) => `${x((last * i) / 60).toFixed(1)},${y(count((last * i) / 60, form)).toFixed(1)}`);
    curve.append(shape("polyline", { points: points.join(" "), class: "spinal-mean spinal-line-spinal" }));
    // The curve starts at zero: the higher of the two labels has room on the left, the lower one on the right.
    const upper = s.weights.dense >= s.weights.linear ? "dense" : "linear";
    for (const name of rivals) {
      const level = y(s.weights[name]);
      const below = name !== upper && Math.abs(y(s.weights.dense) - y(s.weights.linear)) < 16 && level + 15 < bottom;
      rule(curve, left, right, level, `spinal-rule spinal-dashed spinal-line-${name}`);
      const [at, anchor] = name === upper ? [left + 6, "start"] : [right, "end"];
      label(curve, at, below ? level + 14 : level - 5, NAMES[name], anchor, `spinal-ink-${name}`);
      // Where the curve itself meets the line, between two whole widths.
      const meets = s.weights[name] / (half + Math.sqrt(half * half + form.square * s.weights[name]));
      curve.append(shape("circle", { cx: x(meets), cy: level, r: 5, class: `spinal-fill-${name}` }));
    }
    curve.append(shape("circle", { cx: x(v.layer_width), cy: y(s.weights.spinal), r: 6, class: "spinal-fill-spinal" }));
    picture.append(bars, curve);
  }

  define("weight-counter", { state, draw, keepsPicture: true });
})();
