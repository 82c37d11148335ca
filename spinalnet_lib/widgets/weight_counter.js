/* Weight counter: the same counts as spinalnet_lib/widgets/weight_counter.py, bars and the crossover curve. */
(() => {
  "use strict";
  const { define, shape, thousands, counted, multiple, steps } = globalThis.SpinalWidgets;

  function splitSizes(features, splits) {
    return Array.from({ length: splits }, (_, i) => Math.floor(features / splits) + (i < features % splits ? 1 : 0));
  }

  function line(v, read) { return read + v.num_layers * v.num_classes; }

  function spinalWeights(width, square, line) { return square * width * width + line * width; }

  /* The largest width with fewer weights than `weights`; the count grows with the width. */
  function largestCheaperWidth(weights, square, line) {
    let low = 0, high = weights;
    while (low < high) {
      const middle = Math.floor((low + high + 1) / 2);
      if (spinalWeights(middle, square, line) < weights) low = middle; else high = middle - 1;
    }
    return low;
  }

  function state(v) {
    const d = v.in_features, c = v.num_classes, h = v.hidden_size, L = v.num_layers, k = v.num_splits, w = v.layer_width;
    let error = null;
    if (k > d) error = `SpinalHead: in_features=${d} cannot fill num_splits=${k}; lower num_splits to ${d}`;
    else if (L < k) error = `SpinalHead: num_layers=${L} cannot read num_splits=${k}; raise num_layers to ${k} or lower num_splits to ${L}`;
    if (error) return { error, rows: [], summary: error };
    const sizes = splitSizes(d, k);
    let read = 0;
    for (let i = 0; i < L; i += 1) read += sizes[i % k];
    const square = L - 1, linear = line(v, read);
    const weights = { spinal: spinalWeights(w, square, linear), dense: d * h + h * c, linear: d * c };
    const parameters = { spinal: weights.spinal + L * w + c, dense: weights.dense + h + c, linear: weights.linear + c };
    const crossings = {
      dense: largestCheaperWidth(weights.dense, square, linear),
      linear: largestCheaperWidth(weights.linear, square, linear),
    };
    const upTo = (width) => (width ? `up to layer width ${thousands(width)}` : "at no layer width");
    const line3 = (name) => `${counted(weights[name], "weight")}, ${counted(parameters[name], "parameter")}`;
    return {
      error: null, weights, parameters, split_sizes: sizes, crossings,
      rows: [
        ["spinal head", line3("spinal")],
        [`dense head, ${thousands(h)} hidden`, line3("dense")],
        ["one Linear", line3("linear")],
        ["input splits", sizes.join(" + ")],
        ["fewer weights than the dense head", upTo(crossings.dense)],
        ["fewer weights than one Linear", upTo(crossings.linear)],
      ],
      summary: `The spinal head has ${multiple(weights.spinal, weights.dense)} the dense head's weights ` +
        `and ${multiple(weights.spinal, weights.linear)} one Linear's.`,
    };
  }

  function short(n) {
    if (n >= 1e6) return `${Number((n / 1e6).toPrecision(3))} M`;
    return n >= 1e4 ? `${Number((n / 1e3).toPrecision(3))} k` : thousands(n);
  }

  function draw(picture, s, v, data, width) {
    const bars = shape("svg", { width, height: 108 });
    const most = Math.max(...Object.values(s.weights));
    [["spinal", "spinal head"], ["dense", "dense head"], ["linear", "one Linear"]].forEach(([name, label], i) => {
      const y = 36 * i, full = width - 96, long = Math.max(1, (full * s.weights[name]) / most);
      bars.append(shape("text", { x: 0, y: y + 11 }, label));
      bars.append(shape("rect", { x: 0, y: y + 15, width: long, height: 15, class: `spinal-fill-${name}` }));
      bars.append(shape("text", { x: long + 6, y: y + 27, class: "spinal-number", "data-count": name }, thousands(s.weights[name])));
    });

    const height = 240, left = 56, right = width - 12, top = 26, bottom = height - 38;
    const crossing = (name, label) => (s.crossings[name] ? `${label} up to layer width ${thousands(s.crossings[name])}` : `${label} at no layer width`);
    const curve = shape("svg", { width, height, "aria-label": "Weights of the spinal head against its layer width: fewer than " +
      `${crossing("dense", "the dense head's")}, than ${crossing("linear", "one Linear's")}.` });
    const last = Math.max(8, Math.ceil(1.25 * Math.max(v.layer_width, s.crossings.dense, s.crossings.linear)));
    const square = v.num_layers - 1;
    let read = 0;
    for (let i = 0; i < v.num_layers; i += 1) read += s.split_sizes[i % v.num_splits];
    const count = (w) => spinalWeights(w, square, line(v, read));
    const high = 1.08 * Math.max(count(last), s.weights.dense, s.weights.linear);
    const x = (w) => left + ((right - left) * w) / last, y = (n) => bottom - ((bottom - top) * n) / high;
    for (const n of steps(high)) {
      curve.append(shape("line", { x1: left, x2: right, y1: y(n), y2: y(n), class: "spinal-grid" }));
      curve.append(shape("text", { x: left - 6, y: y(n) + 4, "text-anchor": "end" }, short(n)));
    }
    for (const w of steps(last)) curve.append(shape("text", { x: x(w), y: bottom + 16, "text-anchor": "middle" }, thousands(w)));
    curve.append(shape("text", { x: right, y: height - 4, "text-anchor": "end" }, "layer width"));
    curve.append(shape("text", { x: 0, y: 12 }, "weights of the spinal head"));
    const points = Array.from({ length: 61 }, (_, i) => `${x((last * i) / 60).toFixed(1)},${y(count((last * i) / 60)).toFixed(1)}`);
    curve.append(shape("polyline", { points: points.join(" "), class: "spinal-line-spinal" }));
    // The curve starts at zero: the higher of the two labels has room on the left, the lower one on the right.
    const upper = s.weights.dense >= s.weights.linear ? "dense" : "linear";
    for (const [name, label] of [["dense", "dense head"], ["linear", "one Linear"]]) {
      const level = y(s.weights[name]);
      const below = name !== upper && Math.abs(y(s.weights.dense) - y(s.weights.linear)) < 16 && level + 15 < bottom;
      curve.append(shape("line", { x1: left, x2: right, y1: level, y2: level, class: `spinal-line-${name}` }));
      curve.append(shape("text", { x: name === upper ? left + 6 : right, y: below ? level + 14 : level - 5,
        "text-anchor": name === upper ? "start" : "end", class: `spinal-ink-${name}` }, label));
      // Where the curve itself meets the line, between two whole widths.
      const half = line(v, read) / 2;
      const meets = square ? (Math.sqrt(half * half + square * s.weights[name]) - half) / square : s.weights[name] / (2 * half);
      curve.append(shape("circle", { cx: x(meets), cy: level, r: 5, class: `spinal-fill-${name}` }));
    }
    curve.append(shape("circle", { cx: x(v.layer_width), cy: y(s.weights.spinal), r: 6, class: "spinal-fill-spinal" }));
    picture.append(bars, curve);
  }

  define("weight-counter", { state, draw });
})();
