/* Split explorer: the same blocks as spinalnet_lib/widgets/split_explorer.py, drawn as a matrix. */
(() => {
  "use strict";
  const { define, shape, label, rule, make, thousands, percent, counted, splitSizes, spineRefusal } = globalThis.SpinalWidgets;
  const KINDS = [["input", "input split → layer"], ["chain", "previous layer → layer"], ["output", "all layers → logits"]];

  function layerList(numbers) { return `${numbers.length > 1 ? "layers" : "layer"} ${numbers.join(", ")}`; }

  function state(v) {
    const d = v.in_features, c = v.num_classes, w = v.layer_width, L = v.num_layers, k = v.num_splits, f = v.feature;
    const known = `${counted(d, "feature")}, numbered from 0`;
    const missing = `Feature ${f} does not exist among ${known}; lower the feature to follow to ${d - 1} or raise features`;
    const error = spineRefusal(d, L, k) || (f >= d ? missing : null);
    if (error) return { error, rows: [], summary: error };
    const splits = [];
    for (const size of splitSizes(d, k)) {
      const start = splits.length ? splits[splits.length - 1][1] : 0;
      splits.push([start, start + size]);
    }
    const blocks = [];
    for (let i = 0; i < L; i += 1) {
      const [start, stop] = splits[i % k];
      blocks.push(["input", i * w, w, start, stop - start]);
      if (i) blocks.push(["chain", i * w, w, d + (i - 1) * w, w]);
    }
    blocks.push(["output", L * w, c, d, L * w]);
    const weights = blocks.reduce((sum, [, , rows, , columns]) => sum + rows * columns, 0);
    const cells = (L * w + c) * (d + L * w);
    const split = splits.findIndex(([start, stop]) => start <= f && f < stop);
    const readers = [];
    for (let i = split; i < L; i += k) readers.push(i);
    const rows = splits.map(([start, stop], i) => [`split ${i}`, `features ${start} to ${stop - 1} (${stop - start})`]);
    rows.push([`feature ${f}`, `in split ${split}, read by ${layerList(readers)}`]);
    rows.push(["weights", `${thousands(weights)}, ${percent(weights, cells)} of the matrix`]);
    return {
      error: null, splits, blocks, weights, cells, feature_split: split, feature_layers: readers, rows,
      summary: `Feature ${f} is in split ${split} and enters ${layerList(readers)}.`,
    };
  }

  function draw(picture, s, v, data, width) {
    const d = v.in_features, w = v.layer_width, L = v.num_layers;
    const rows = L * w + v.num_classes, columns = d + L * w;
    const left = 62, top = 34;
    const cell = Math.min(16, (width - left - 2) / columns, 420 / rows);
    const x = (column) => left + column * cell, y = (row) => top + row * cell;
    const svg = shape("svg", { width, height: y(rows) + 4 });
    svg.append(shape("rect", { x: x(0), y: y(0), width: columns * cell, height: rows * cell, class: "spinal-frame" }));
    s.splits.forEach(([start, stop], i) => {
      const narrow = (stop - start) * cell < 44;
      label(svg, x((start + stop) / 2), 14, narrow ? i : `split ${i}`, "middle");
      rule(svg, x(start) + 1, x(stop) - 1, 20, i === s.feature_split ? "spinal-bar-on" : "spinal-bar");
    });
    const narrow = L * w * cell < 60;
    label(svg, narrow ? x(d) + 8 : x(d + (L * w) / 2), 14, "outputs", narrow ? "start" : "middle");
    const every = Math.ceil(13 / (w * cell));  // a label needs 13 px: leave some out where layers are thinner
    for (let i = 0; i < L; i += every) {
      label(svg, left - 6, y(i * w + w / 2) + 4, `layer ${i}`, "end", s.feature_layers.includes(i) ? "spinal-strong" : "");
    }
    label(svg, left - 6, y(L * w + v.num_classes / 2) + 4, "logits", "end");
    for (const [kind, row, height, column, wide] of s.blocks) {
      svg.append(shape("rect", { x: x(column), y: y(row), width: wide * cell, height: height * cell, class: `spinal-block spinal-fill-${kind}` }));
    }
    svg.append(shape("rect", { x: x(v.feature), y: y(0) - 8, width: cell, height: rows * cell + 8, class: "spinal-cursor" }));
    const key = make("p", { class: "spinal-legend" });
    for (const [kind, words] of KINDS) key.append(make("span", { class: `spinal-swatch spinal-swatch-${kind}` }), `${words} `);
    picture.append(svg, key);
  }

  define("split-explorer", { state, draw, keepsPicture: true });
})();
