/* Speed ratios: the same readings as spinalnet_lib/widgets/speed_ratios.py, a strip for each comparison. */
(() => {
  "use strict";
  const { define, shape, label, make, ratio, percent } = globalThis.SpinalWidgets;
  const WORDS = [["less", "less time"], ["more", "more time"], ["unclear", "no clear difference"]];
  const FILLS = { less: "arm0", more: "arm1", unclear: "linear" };

  function find(v, data) { return data.groups.find((group) => group.key === v.group).rows; }

  function state(v, data) {
    const found = find(v, data);
    const order = found.map((_, i) => i);
    if (v.fastest_first) order.sort((a, b) => found[a].ratio - found[b].ratio);
    const readings = order.map((i) => (found[i].high < 1000 ? "less" : found[i].low > 1000 ? "more" : "unclear"));
    const rows = order.map((i) => {
      const row = found[i], share = (name) => percent(row[name], 1000);
      return [`${row.name}, against ${row.peer}`, `${share("ratio")} of the time (${share("low")} to ${share("high")}): ` +
        `${v.seconds}\u00a0s become ${ratio(v.seconds * row.ratio, 1000)}\u00a0s`];
    });
    const counts = WORDS.map(([reading, words]) => `${readings.filter((r) => r === reading).length} ${words}`);
    const summary = `Of ${found.length} comparisons: ${counts.join(", ")}. First: ${rows[0].join(": ")}.`;
    return { error: null, order, readings, rows, summary };
  }

  function draw(picture, s, v, data, width) {
    const rows = find(v, data);
    const low = Math.min(500, ...rows.map((row) => row.low)) / 1.15, high = Math.max(2000, ...rows.map((row) => row.high)) * 1.15;
    const left = 10, right = width - 10;
    const x = (n) => left + ((right - left) * Math.log(n / low)) / Math.log(high / low);
    const marks = [5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000].filter((n) => n >= low && n <= high);
    const strip = (height, words, lines = height) => {
      const svg = shape("svg", { width, height, "aria-label": words });
      for (const n of marks) svg.append(shape("line", { x1: x(n), x2: x(n), y1: 0, y2: lines, class: n === 1000 ? "spinal-one" : "spinal-grid" }));
      return svg;
    };
    s.order.forEach((i, place) => {
      const row = rows[i], fill = FILLS[s.readings[place]];
      const svg = strip(20, s.rows[place].join(": "));
      svg.append(shape("rect", { x: x(row.low), y: 7, width: Math.max(2, x(row.high) - x(row.low)), height: 6, rx: 3, class: `spinal-range spinal-fill-${fill}` }));
      svg.append(shape("circle", { cx: x(row.ratio), cy: 10, r: 5, class: `spinal-fill-${fill}` }));
      const words = make("p", { class: "spinal-row" }, make("strong", {}, row.name), ` against ${row.peer}`);
      picture.append(words, svg);
    });
    const axis = () => {
      const svg = strip(34, "axis: time in percent of the peer's", 4);
      let free = -Infinity;
      for (const n of marks) {
        const text = `${n / 10} %`, half = 4 * text.length;
        if (x(n) - half < Math.max(free, 0) || x(n) + half > width) continue;
        label(svg, x(n), 16, text, "middle", n === 1000 ? "spinal-strong" : "");
        free = x(n) + half;
      }
      label(svg, left, 31, "← less time than the peer");
      label(svg, right, 31, "more time →", "end");
      return svg;
    };
    if (s.order.length > 6) picture.prepend(axis());  // many rows fill more than a screen
    picture.append(axis());
  }

  define("speed-ratios", { state, draw });
})();
