/* Dropout switch: the same means and differences as spinalnet_lib/widgets/dropout_switch.py. */
(() => {
  "use strict";
  const { define, shape, label, rule, counted, interval, points, said, leader } = globalThis.SpinalWidgets;
  const HEADS = ["spinal", "dense"];
  const POSITIONS = { published: "as published", none: "neither", both: "both" };

  function state(v, data) {
    const of = (name) => data.errors[name].map((errors) => errors.slice(0, v.seeds));
    const differences = Object.fromEntries(Object.keys(data.errors).map(of).map(([spinal, dense], i) =>
      [Object.keys(data.errors)[i], interval(spinal.map((error, k) => error - dense[k]), data.t)]));
    const chosen = of(v.dropout);
    const means = chosen.map((errors) => interval(errors, data.t)[0]);
    const ahead = chosen[0].filter((error, i) => error < chosen[1][i]).length;
    const now = differences[v.dropout], seeds = counted(v.seeds, "seed");
    const rows = HEADS.map((head, i) =>
      [`${head} head, ${data.drops[v.dropout][i] ? "with" : "without"} dropout`, `${points(means[i], false)}\u00a0% error`]);
    rows.push(["spinal − dense", said(now)], ["spinal lower in", `${ahead} of ${seeds}`]);
    const lower = { spinal: "the spinal head has the lower error", dense: "the dense head has the lower error", neither: "the heads are level" };
    const summary = `${said(now)}: ${lower[leader(now[0])]}, in the mean over ${seeds}.`;
    return { error: null, differences, means, ahead, rows, summary };
  }

  /* A scale over these values and a little more. */
  function scale(values, left, right) {
    const low = Math.min(...values), high = Math.max(...values), room = 0.06 * (high - low);
    return (value) => left + ((right - left) * (value - low + room)) / (high - low + 2 * room);
  }

  function draw(picture, s, v, data, width) {
    const left = 8, right = width - 8, height = 372;
    const svg = shape("svg", { width, height });
    // Above: every seed of both heads; one scale for all positions, so that dots move when the switch does.
    const every = Object.values(data.errors).flat(2).map((error) => error / 1000);
    const x = scale(every, left, right);
    data.errors[v.dropout].map((errors) => errors.slice(0, v.seeds)).forEach((errors, i) => {
      const head = HEADS[i], drops = data.drops[v.dropout][i], y = 42 + 54 * i;
      label(svg, left, y - 20, `${head} head${drops ? ", with dropout (hollow)" : ""}`, "start", `spinal-ink-${head}`);
      rule(svg, left, right, y, "spinal-grid");
      errors.forEach((error, k) => {
        const shift = 18 * (((k * 0.618) % 1) - 0.5);
        svg.append(shape("circle", { cx: x(error / 1000).toFixed(1), cy: (y + shift).toFixed(1), r: 4.5, class: `spinal-dot ${drops ? `spinal-hollow spinal-line-${head}` : `spinal-fill-${head}`}` }));
      });
      svg.append(shape("line", { x1: x(s.means[i]), x2: x(s.means[i]), y1: y - 15, y2: y + 15, class: `spinal-mean spinal-line-${head}` }));
    });
    label(svg, left, 138, `${points(Math.min(...every), false)} %`);
    label(svg, (left + right) / 2, 138, "validation error", "middle");
    label(svg, right, 138, `${points(Math.max(...every), false)} %`, "end");
    // Below: the three differences on one zero line.
    const top = 172, bottom = height - 24;
    const z = scale([-0.4, 0.4, ...Object.values(s.differences).flatMap((found) => found.filter((end) => end !== null))], left, right);
    svg.append(shape("line", { x1: z(0), x2: z(0), y1: top - 8, y2: bottom, class: "spinal-cursor" }));
    label(svg, z(0) - 8, top, "◂ spinal lower", "end", "spinal-ink-spinal");
    label(svg, z(0) + 8, top, "dense lower ▸", "start", "spinal-ink-dense");
    Object.entries(s.differences).forEach(([name, [mean, from, to]], i) => {
      const [low, high] = from === null ? [mean, mean] : [from, to];
      const y = top + 46 + 50 * i, head = leader(mean) === "neither" ? "linear" : leader(mean), now = name === v.dropout;
      // Its words stand on their side of zero.
      const words = width < 420 ? POSITIONS[name] : `${POSITIONS[name]}: ${points(mean)}`;
      const start = Math.max(z(0) + 8, Math.min(z(low), right - 7 * words.length));
      label(svg, mean < 0 ? z(0) - 8 : start, y - 14, words, mean < 0 ? "end" : "start", now ? "spinal-strong" : "");
      const group = shape("g", { class: now ? "spinal-chosen" : "spinal-dot" });
      group.append(
        shape("line", { x1: z(low), x2: z(high), y1: y, y2: y, class: `spinal-mean spinal-line-${head}` }),
        shape("circle", { cx: z(mean).toFixed(1), cy: y, r: now ? 7 : 5, class: `spinal-fill-${head}` }),
      );
      svg.append(group);
    });
    label(svg, (left + right) / 2, height - 4, "spinal − dense, points; 95 % intervals", "middle");
    picture.append(svg);
  }

  define("dropout-switch", { state, draw });
})();
