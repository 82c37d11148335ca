/* Gradient by layer: the same means and ranges as spinalnet_lib/widgets/gradient_by_layer.py, every seed drawn. */
(() => {
  "use strict";
  const { define, shape, label, rule, thousands, marker } = globalThis.SpinalWidgets;
  const HUNDREDTHS = 100, RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

  function sum(values) { return values.reduce((a, b) => a + b, 0); }

  function raised(whole) { return `10${[...String(whole)].map((sign) => RAISED[sign]).join("")}`; }

  function power(log) {
    if (Math.abs(log) > 3.5 * HUNDREDTHS) return raised(Math.floor((log + HUNDREDTHS / 2) / HUNDREDTHS));
    const value = 10 ** (log / HUNDREDTHS);
    return value.toFixed(value >= 10 ? 0 : value >= 1 ? 1 : value >= 0.1 ? 2 : 4);
  }

  function cell([mean, low, high], seeds) {
    return seeds > 1 ? `${power(mean)} (${power(low)} to ${power(high)}), ${seeds} seeds` : `${power(mean)}, 1 seed`;
  }

  function logsOf(v, data, head) {  // by seed and layer, as they are drawn
    const runs = data.logs[head].slice(0, v.seeds).map((run) => run[v.point]);
    return v.share ? runs.map((run) => run.map((log) => log - run[run.length - 1])) : runs;
  }

  function state(v, data) {
    const n = v.seeds;
    const chosen = v.heads.map((head) => {
      const drawn = logsOf(v, data, head), firsts = logsOf({ ...v, share: true }, data, head).map((run) => run[0]);
      const layers = drawn[0].map((_, layer) => drawn.map((run) => run[layer]));
      return {
        head,
        mean: layers.map((logs) => sum(logs) / n),
        low: layers.map((logs) => Math.min(...logs)),
        high: layers.map((logs) => Math.max(...logs)),
        first: [sum(firsts) / n, Math.min(...firsts), Math.max(...firsts)],
      };
    });
    const rows = chosen.map((each) => [data.heads[each.head], cell(each.first, n)]);
    const step = data.steps[v.point], last = data.steps[data.steps.length - 1];
    const when = step ? `After ${thousands(step)} of ${thousands(last)} steps` : "Before the first step";
    const said = chosen.map((each, i) => `${rows[i][0]} ${power(each.first[0])}`).join("; ");
    const summary = chosen.length ? `${when} the first layer's gradient is, as a share of the last layer's: ${said}.` : "No head is chosen.";
    return { error: null, chosen, when, rows, summary };
  }

  function draw(picture, s, v, data, width) {
    const height = 330, left = 44, right = width - 12, top = 40, bottom = height - 40;
    const svg = shape("svg", { width, height });
    label(svg, 0, 12, v.share ? "gradient norm ÷ that of the last layer" : "gradient norm");
    label(svg, 0, 29, s.when, "start", "spinal-strong");
    // One axis for all points in training: what moves is the gradient.
    const every = v.heads.flatMap((head) => data.steps.flatMap((_, point) => logsOf({ ...v, point }, data, head).flat()));
    const low = Math.floor(Math.min(0, ...every) / HUNDREDTHS), high = Math.ceil(Math.max(0, ...every) / HUNDREDTHS);
    const layers = data.logs[0][0][0].length;
    const x = (layer) => left + ((right - left) * layer) / (layers - 1);
    const y = (log) => bottom - ((bottom - top) * (log / HUNDREDTHS - low)) / (high - low || 1);
    const stride = [1, 2, 5, 10, 20, 50].find((n) => (high - low) / n <= 7) || 100;
    for (let mark = Math.ceil(low / stride) * stride; mark <= high; mark += stride) {
      rule(svg, left, right, y(mark * HUNDREDTHS), "spinal-grid");
      label(svg, left - 6, y(mark * HUNDREDTHS) + 4, mark ? raised(mark) : "1", "end");
    }
    for (let layer = 0; layer < layers; layer += 5) label(svg, x(layer), bottom + 17, String(layer), "middle");
    label(svg, x(layers - 1), bottom + 17, String(layers - 1), "middle");
    label(svg, (left + right) / 2, height - 4, "layer, 0 is the first", "middle");
    const line = (logs, css) => svg.append(shape("polyline", { points: logs.map((log, layer) => `${x(layer).toFixed(1)},${y(log).toFixed(1)}`).join(" "), class: css }));
    for (const each of s.chosen) {
      const colour = data.inks[each.head], dash = data.dashed[each.head] ? " spinal-dashed" : "";
      for (const run of logsOf(v, data, each.head)) line(run, `spinal-seed spinal-line-${colour}`);
      line(each.mean, `spinal-mean spinal-line-${colour}${dash}`);
      each.mean.forEach((log, layer) => {
        if (layer % 5 === 0 || layer === layers - 1) svg.append(marker(each.head, x(layer), y(log), `spinal-fill-${colour}`));
      });
    }
    picture.append(svg);
  }

  define("gradient-by-layer", { state, draw, pictureFirst: true });
})();
