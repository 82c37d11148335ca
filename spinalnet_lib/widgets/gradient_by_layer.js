/* Gradient by layer: the same medians and ranges as spinalnet_lib/widgets/gradient_by_layer.py, every seed drawn. */
(() => {
  "use strict";
  const { define, shape, label, rule, thousands, marker } = globalThis.SpinalWidgets;
  const THOUSANDTHS = 1000, RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

  function raised(whole) { return `10${[...String(whole)].map((sign) => RAISED[sign]).join("")}`; }

  function power(log, zero) {
    if (log <= zero) return "0";
    if (Math.abs(log) > 3.5 * THOUSANDTHS) return raised(Math.floor((log + THOUSANDTHS / 2) / THOUSANDTHS));
    const value = 10 ** (log / THOUSANDTHS);
    return value.toFixed(value >= 10 ? 0 : value >= 0.1 ? 2 : 4);
  }

  function middle(ordered) { return ordered[Math.floor((ordered.length - 1) / 2)]; }

  function cell(each, seeds, zero) {
    const alive = seeds - each.dead, dead = `${each.dead} of ${seeds} seeds dead: no layer has a gradient`;
    if (!alive) return dead;
    const [mid, low, high] = each.first.map((log) => power(log, zero));
    const told = alive > 1 ? `median ${mid} (${low} to ${high}), ${alive} seeds` : `${mid}, 1 seed`;
    return each.dead ? `${told}; ${dead}` : told;
  }

  function state(v, data) {
    const n = v.seeds, zero = data.zero;
    const ordered = (logs) => [...logs].sort((a, b) => a - b);
    const chosen = v.heads.map((head) => {
      const runs = data.logs[head].slice(0, n).map((run) => run[v.point]);
      const shares = runs.filter((run) => run[run.length - 1] > zero)
        .map((run) => run.map((log) => (log > zero ? Math.max(log - run[run.length - 1], zero) : zero)));
      const drawn = v.share ? shares : runs;
      const layers = (drawn[0] || []).map((_, layer) => ordered(drawn.map((run) => run[layer])));
      const firsts = ordered(shares.map((run) => run[0]));
      return {
        head, drawn,
        middle: layers.map(middle),
        low: layers.map((logs) => logs[0]),
        high: layers.map((logs) => logs[logs.length - 1]),
        first: firsts.length ? [middle(firsts), firsts[0], firsts[firsts.length - 1]] : null,
        dead: n - shares.length,
      };
    });
    const rows = chosen.map((each) => [data.heads[each.head], cell(each, n, zero)]);
    const step = data.steps[v.point], last = data.steps[data.steps.length - 1];
    const when = step ? `After ${thousands(step)} of ${thousands(last)} steps` : "Before the first step";
    const said = chosen.map((each, i) => `${rows[i][0]} ${each.first ? power(each.first[0], zero) : "nothing, as no layer has one"}`).join("; ");
    const summary = chosen.length ? `${when} the first layer's gradient is, as a share of the last layer's: ${said}.` : "No head is chosen.";
    return { error: null, chosen, when, rows, summary };
  }

  function draw(picture, s, v, data, width) {
    const height = 340, left = 44, right = width - 12, top = 40, bottom = height - 40;
    const svg = shape("svg", { width, height });
    label(svg, 0, 12, v.share ? "gradient norm ÷ that of the last layer" : "gradient norm");
    label(svg, 0, 29, s.when, "start", "spinal-strong");
    // One axis for all points in training: what moves is the gradient. No gradient at all is drawn at its foot.
    const every = data.steps.flatMap((_, point) => state({ ...v, point }, data).chosen.flatMap((each) => each.drawn.flat()));
    const some = every.filter((log) => log > data.zero);
    const high = Math.ceil(Math.max(0, ...some) / THOUSANDTHS), lowest = Math.floor(Math.min(0, ...some) / THOUSANDTHS);
    const stride = [1, 2, 5, 10, 20, 50].find((n) => (high - lowest) / n <= 7) || 100;
    const first = Math.ceil(lowest / stride) * stride, low = some.length < every.length ? first - stride : lowest;
    const layers = data.logs[0][0][0].length;
    const x = (layer) => left + ((right - left) * layer) / (layers - 1);
    const y = (log) => bottom - ((bottom - top) * (Math.max(log / THOUSANDTHS, low) - low)) / (high - low || 1);
    for (let mark = first; mark <= high; mark += stride) {
      rule(svg, left, right, y(mark * THOUSANDTHS), "spinal-grid");
      label(svg, left - 6, y(mark * THOUSANDTHS) + 4, mark ? raised(mark) : "1", "end");
    }
    if (some.length < every.length) {
      rule(svg, left, right, bottom, "spinal-grid");
      label(svg, left - 6, bottom + 4, "0", "end");
    }
    for (let layer = 0; layer < layers; layer += 5) label(svg, x(layer), bottom + 17, String(layer), "middle");
    label(svg, x(layers - 1), bottom + 17, String(layers - 1), "middle");
    label(svg, (left + right) / 2, height - 4, "layer, 0 is the first", "middle");
    const line = (logs, css) => svg.append(shape("polyline", { points: logs.map((log, layer) => `${x(layer).toFixed(1)},${y(log).toFixed(1)}`).join(" "), class: css }));
    for (const each of s.chosen) {
      const colour = data.inks[each.head], dash = data.dashed[each.head] ? " spinal-dashed" : "";
      for (const run of each.drawn) line(run, `spinal-seed spinal-line-${colour}`);
      if (2 * each.drawn.length <= v.seeds) continue;  // of a few survivors there is no middle
      line(each.middle, `spinal-mean spinal-line-${colour}${dash}`);
      each.middle.forEach((log, layer) => {
        if (layer % 5 === 0 || layer === layers - 1) svg.append(marker(each.head, x(layer), y(log), `spinal-fill-${colour}`));
      });
    }
    picture.append(svg);
  }

  define("gradient-by-layer", { state, draw });
})();
