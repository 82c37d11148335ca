/* Weight counter: the same counts as spinalnet_lib/widgets/weight_counter.py, bars and the crossover curve. */
(() => {
  "use strict";
  const { define, shape, label, rule, thousands, counted, multiple, steps, splitSizes, spineRefusal } = globalThis.SpinalWidgets;

  const NAMES = { spinal: "spinal head", dense: "dense head", linear: "one Linear" };

  /* Weights of a spinal head of width w: square w² + line w. */
  function terms(v) {
    const sizes = splitSizes(v.in_features, v.num_splits);
    let read = 0;
    for (let i = 0; i < v.num_layers; i += 1) read += sizes[i % v.num_splits];
    return { square: v.num_layers - 1, line: read + v.num_layers * v.num_classes };
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

  function state(v) {
    const d = v.in_features, c = v.num_classes, h = v.hidden_size, L = v.num_layers, k = v.num_splits, w = v.layer_width;
    const error = spineRefusal(d, L, k);
    if (error) return { error, rows: [], summary: error };
    const sizes = splitSizes(d, k), form = terms(v);
    const weights = { spinal: count(w, form), dense: d * h + h * c, linear: d * c };
    const parameters = { spinal: weights.spinal + L * w + c, dense: weights.dense + h + c, linear: weights.linear + c };
    const crossings = { dense: largestCheaperWidth(weights.dense, form), linear: largestCheaperWidth(weights.linear, form) };
    const both = (name) => `${counted(weights[name], "weight")}, ${counted(parameters[name], "parameter")}`;
    return {
      error: null, weights, parameters, split_sizes: sizes, crossings,
      rows: [
        ["spinal head", both("spinal")],
        [`dense head, ${thousands(h)} hidden`, both("dense")],
        ["one Linear", both("linear")],
        ["input splits", sizes.join(" + ")],
        ["fewer weights than the dense head", upTo(crossings.dense)],
        ["fewer weights than one Linear", upTo(crossings.linear)],
      ],
      summary: `The spinal head has ${multiple(weights.spinal, weights.dense)} the dense head's weights ` +
        `and ${multiple(weights.spinal, weights.linear)} one Linear's.`,
    };
  }

  function upTo(width) { return width ? `up to layer width ${thousands(width)}` : "at no layer width"; }

  function short(n) {
    if (n >= 1e6) return `${Number((n / 1e6).toPrecision(3))} M`;
    return n >= 1e4 ? `${Number((n / 1e3).toPrecision(3))} k` : thousands(n);
  }

  function draw(picture, s, v, data, width) {
    const bars = shape("svg", { width, height: 122 });
    const most = Math.max(...Object.values(s.weights));
    Object.entries(NAMES).forEach(([name, title], i) => {
      const y = 36 * i, full = width - 96, long = Math.max(1, (full * s.weights[name]) / most);
      label(bars, 0, y + 11, title);
      bars.append(shape("rect", { x: 0, y: y + 15, width: long, height: 15, class: `spinal-fill-${name}` }));
      bars.append(shape("text", { x: long + 6, y: y + 27, class: "spinal-number", "data-count": name }, thousands(s.weights[name])));
    });

    const height = 240, left = 56, right = width - 12, top = 26, bottom = height - 38;
    const curve = shape("svg", { width, height, "aria-label": "Weights of the spinal head against its layer width: fewer than the " +
      `dense head's ${upTo(s.crossings.dense)}, than one Linear's ${upTo(s.crossings.linear)}.` });
    const last = Math.max(8, Math.ceil(1.25 * Math.max(v.layer_width, s.crossings.dense, s.crossings.linear)));
    const form = terms(v), half = form.line / 2;
    const high = 1.08 * Math.max(count(last, form), s.weights.dense, s.weights.linear);
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
    for (const name of ["dense", "linear"]) {
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
