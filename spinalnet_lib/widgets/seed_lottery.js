/* Seed lottery: the same pulls and shares as spinalnet_lib/widgets/seed_lottery.py, every pull a block. */
(() => {
  "use strict";
  const { define, shape, label, rule, thousands, percent, interval, points, said, leader, draws } = globalThis.SpinalWidgets;
  const HEADS = { spinal: "the spinal head leads", dense: "the dense head leads", neither: "a tie" };

  function state(v, data) {
    const [spinal, dense] = data.errors[v.dropout];
    const n = v.seeds, every = data.seeds.length;
    const whole = interval(spinal.map((error, i) => error - dense[i]), data.t);
    const stream = draws(data.start);
    const shown = [];
    let last = null, same = 0, clear = 0;
    for (let k = 0; k < data.many; k += 1) {
      const ours = stream.some(n, every);
      const theirs = v.same ? ours : stream.some(n, every);
      const found = interval(ours.map((seed, i) => spinal[seed] - dense[theirs[i]]), data.t);
      if (leader(found[0]) === leader(whole[0])) same += 1;
      if (found[1] !== null && (found[1] > 0 || found[2] < 0)) clear += 1;
      if (k < v.pulls) {
        shown.push(found[0]);
        last = { spinal: ours, dense: theirs, found };
      }
    }
    const leads = Object.keys(HEADS).map((head) => shown.filter((difference) => leader(difference) === head).length);
    const rows = rowsOf({ last, leads, same, clear, whole }, v, data);
    const summary = `Pull ${v.pulls}, ${rows[0][1]}. Of ${thousands(data.many)} pulls ${rows[2][1]} name the head that all seeds name.`;
    return { error: null, shown, last, whole, leads, same, clear, rows, summary };
  }

  function rowsOf(s, v, data) {
    const many = thousands(data.many);
    const [ours, theirs] = ["spinal", "dense"].map((head) => s.last[head].map((i) => data.seeds[i]).join(", "));
    const seeds = `seed${v.seeds === 1 ? "" : "s"} ${ours}${v.same ? "" : ` against ${theirs}`}`;
    const leads = Object.values(HEADS).map((words, i) => [words, s.leads[i]]).filter(([, count]) => count);
    const rows = [
      [`pull ${v.pulls}`, `${seeds}: ${said(s.last.found)}, ${HEADS[leader(s.last.found[0])]}`],
      [`${v.pulls} pull${v.pulls === 1 ? "" : "s"} so far`, leads.map(([words, count]) => `${words} ${count}`).join("; ")],
      [`${many} pulls that name the head that all seeds name`, percent(s.same, data.many)],
    ];
    if (v.seeds > 1) rows.push([`${many} intervals that do not hold zero`, percent(s.clear, data.many)]);
    return [...rows, [`all ${data.seeds.length} seeds`, said(s.whole)]];
  }

  function draw(picture, s, v, data, width) {
    const height = 270, left = 16, right = width - 16, top = 62, bottom = height - 44, bins = 40;
    const svg = shape("svg", { width, height });
    const [low, high] = data.span;
    const x = (points) => left + ((right - left) * (points - low)) / (high - low);
    const line = (at, css) => svg.append(shape("line", { x1: x(at), x2: x(at), y1: top - 16, y2: bottom, class: css }));
    svg.append(shape("rect", { x: x(s.whole[1]), y: top - 16, width: x(s.whole[2]) - x(s.whole[1]), height: bottom - top + 16, class: "spinal-band spinal-fill-linear" }));
    line(0, "spinal-cursor");
    line(s.whole[0], "spinal-mean spinal-line-linear spinal-dashed");
    label(svg, x(0) - 8, 12, "◂ spinal lower", "end", "spinal-ink-spinal");
    label(svg, x(0) + 8, 12, "dense lower ▸", "start", "spinal-ink-dense");
    const least = (high - low) / (width < 420 ? 5 : 9);
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20].find((size) => size >= least) || 50;
    for (let mark = Math.ceil(low / step) * step; mark <= high; mark += step) label(svg, x(mark), bottom + 16, points(mark), "middle");
    label(svg, (left + right) / 2, height - 6, "spinal − dense, points of error; dashed: all seeds", "middle");
    rule(svg, left, right, bottom, "spinal-grid");
    // A bin lies on one side of zero, so that a column has one colour.
    const size = (high - low) / bins, bin = (d) => Math.floor(d / size);
    const columns = {};
    for (const d of s.shown) columns[bin(d)] = (columns[bin(d)] || 0) + 1;
    const block = Math.min(26, (bottom - top) / Math.max(...Object.values(columns)));
    const heights = {};
    s.shown.forEach((d, k) => {
      const at = bin(d), level = heights[at] = (heights[at] || 0) + 1;
      const hue = { spinal: "spinal", dense: "dense", neither: "linear" }[leader(d)];
      const last = k === s.shown.length - 1;
      svg.append(shape("rect", {
        x: (x(at * size) + 0.5).toFixed(1), y: (bottom - level * block).toFixed(1),
        width: Math.max(2, x(size) - x(0) - 1).toFixed(1), height: Math.max(1, block - 1).toFixed(1),
        class: `spinal-pull spinal-fill-${hue}${last ? " spinal-last" : ""}`,
      }));
    });
    // The last pull's own interval, as its paper would print it.
    const [mean, from, to] = s.last.found, ink = { spinal: "spinal", dense: "dense", neither: "linear" }[leader(mean)];
    const inside = (points) => Math.min(high, Math.max(low, points));
    if (from !== null) svg.append(shape("line", { x1: x(inside(from)), x2: x(inside(to)), y1: 34, y2: 34, class: `spinal-mean spinal-line-${ink}` }));
    svg.append(shape("circle", { cx: x(mean).toFixed(1), cy: 34, r: 6, class: `spinal-fill-${ink}` }));
    picture.append(svg);
  }

  define("seed-lottery", { state, draw });
})();
