/* Your δ, your verdict: the same rules as spinalnet_lib/widgets/your_delta.py and study/verdict.py. */
(() => {
  "use strict";
  const { define, shape, label, rule, counted, interval } = globalThis.SpinalWidgets;

  function nameVerdict([low, high], [narrowLow, narrowHigh], least) {
    if (low > least) return "better, matters";
    if (high < -least) return "worse, matters";
    if (-least < narrowLow && narrowHigh < least) return "equivalent";
    if (low > 0) return "better, size open";
    if (high < 0) return "worse, size open";
    return "open";
  }

  /* The claim holds if enough of its functions do; untested if one of them is. */
  function claimOf(cells, needed) {
    const names = cells.map((cell) => cell.verdict);
    const count = (...some) => names.filter((name) => some.includes(name)).length;
    if (count("untested")) return "untested";
    const contradicted = count("worse, matters", "worse, size open");
    if (count("better, matters") >= needed) return "holds";
    if (names.length - count("equivalent") - contradicted < needed) return contradicted >= needed ? "contradicted" : "not supported";
    return "open";
  }

  function cellsOf(v, data) {
    const reading = data.readings[v.reading];
    const reference = v.reference === "plan" ? reading.reference : v.reference;
    const least = data.deltas[v.delta], t = data.t[v.alpha];
    return Object.entries(reading.gains).map(([name, ofReferences]) => {
      const some = ofReferences[reference].slice(0, v.seeds);
      const [mean, ...wide] = interval(some, t.wide, data.unit);
      const narrow = interval(some, t.narrow, data.unit).slice(1);
      const verdict = v.seeds >= data.fewest ? nameVerdict(wide, narrow, least) : "untested";
      return { name, mean, wide, narrow, verdict };
    });
  }

  function claimWords(cells) {
    const names = cells.map((cell) => cell.verdict);
    return [...new Set(names)].map((name) => `${name} (${names.filter((other) => other === name).length})`).join("; ");
  }

  const saidOf = (state) => ({ holds: "held up", open: "left open" })[state] || state;
  const times = (cell) => {
    const ratio = (gain) => (Math.abs(gain) > Math.log(100) ? (gain > 0 ? "over 100" : "under 0.01") : Math.exp(gain).toFixed(2));
    const [mean, low, high] = [cell.mean, ...cell.wide].map(ratio);
    return `×\u00a0${mean} (${low} to ${high})`;
  };

  function state(v, data) {
    const cells = cellsOf(v, data), planned = cellsOf({ ...v, ...data.plan, seeds: data.seeds }, data);
    const claim = claimOf(cells, data.needed), byPlan = claimOf(planned, data.needed);
    const rows = cells.map((cell) => [cell.name, `${times(cell)}: ${cell.verdict}`]);
    rows.push(["claim C9, this reading", claim], ["by the plan", `${claimWords(planned)}: ${byPlan}`]);
    const start = `With δ of ${v.delta}\u00a0% and ${counted(v.seeds, "seed")}`;
    const summary = `${start}: ${claimWords(cells)}. Claim C9 is ${saidOf(claim)}; by the plan it is ${saidOf(byPlan)}.`;
    return { error: null, cells, claim, rows, summary };
  }

  const inkOf = (verdict) => ({ better: "spinal", worse: "dense" })[verdict.split(",")[0]] || "linear";

  function draw(picture, s, v, data, width) {
    const left = 8, right = width - 8, top = 40, step = 58, bottom = top + step * s.cells.length;
    const svg = shape("svg", { width, height: bottom + 44 });
    const inside = (gain) => Math.min(data.reach, Math.max(-data.reach, gain));
    const x = (gain) => (left + right) / 2 + ((right - left) / 2) * (inside(gain) / data.reach);
    const line = (x1, x2, y1, y2, css) => svg.append(shape("line", { x1, x2, y1, y2, class: css }));
    const least = data.deltas[v.delta];
    line(x(0), x(0), top - 12, bottom, "spinal-cursor");
    label(svg, left, 12, width < 420 ? "◂ reference" : "◂ reference better", "start", "spinal-ink-dense");
    label(svg, right, 12, width < 420 ? "spinal ▸" : "spinal better ▸", "end", "spinal-ink-spinal");
    label(svg, x(0), 12, "too small to matter", "middle");
    s.cells.forEach((cell, i) => {
      const y = top + step * i + 40, ink = inkOf(cell.verdict);
      label(svg, left, y - 18, cell.name);
      label(svg, right, y - 18, cell.verdict, "end", `spinal-strong spinal-ink-${ink}`);
      rule(svg, left, right, y, "spinal-grid");
      svg.append(shape("rect", { x: x(-least), y: y - 13, width: x(least) - x(-least), height: 26, class: "spinal-band spinal-fill-linear" }));
      for (const end of [-least, least]) line(x(end), x(end), y - 13, y + 13, "spinal-line-linear");
      const group = shape("g", { class: `spinal-delta-${ink}` });
      const [low, high] = cell.wide;
      group.append(
        shape("line", { x1: x(low), x2: x(high), y1: y, y2: y, class: `spinal-line-${ink}`, "stroke-width": 2 }),
        shape("line", { x1: x(cell.narrow[0]), x2: x(cell.narrow[1]), y1: y, y2: y, class: `spinal-line-${ink}`, "stroke-width": 6 }),
        shape("circle", { cx: x(cell.mean).toFixed(1), cy: y, r: 6, class: `spinal-fill-${ink}` }),
      );
      for (const end of cell.wide) {
        if (Math.abs(end) < data.reach) group.append(shape("line", { x1: x(end), x2: x(end), y1: y - 7, y2: y + 7, class: `spinal-line-${ink}`, "stroke-width": 2 }));
        else label(svg, end < 0 ? left - 4 : right + 4, y + 4, end < 0 ? "◂" : "▸", end < 0 ? "start" : "end", `spinal-ink-${ink}`);
      }
      svg.append(group);
    });
    for (const [mark, text] of [[1 / 2, "½"], [2 / 3, "⅔"], [1, "1"], [3 / 2, "1½"], [2, "2"]]) {
      label(svg, x(Math.log(mark)), bottom + 16, `× ${text}`, "middle");
    }
    label(svg, (left + right) / 2, bottom + 36, "reference's error ÷ spinal error", "middle");
    picture.append(svg);
  }

  define("your-delta", { state, draw });
})();
