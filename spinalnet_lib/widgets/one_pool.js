/* One pool: the same studies and intervals as spinalnet_lib/widgets/one_pool.py. */
(() => {
  "use strict";
  const { define, shape, label, percent, draws } = globalThis.SpinalWidgets;

  function intervalOf(gains, wide) {
    let total = 0, squares = 0;
    for (const gain of gains) total += gain;
    const mean = total / gains.length;
    for (const gain of gains) squares += (gain - mean) * (gain - mean);
    return [mean, wide * Math.sqrt(squares / (gains.length - 1))];
  }

  function state(v, data) {
    const n = v.draws, odds = v.taken / (100 - v.taken);
    const worth = Math.sqrt((v.images / 100) * odds);
    const grown = { these: 0, plan: 1 / odds, another: odds }[v.variance];
    const wide = data.t[n] * Math.sqrt(1 / n + grown);
    const stream = draws(data.start), studies = [];
    let first = [], holds = 0;
    for (let study = 0; study < data.pools; study += 1) {
      const centre = worth * stream.normal();
      const gains = Array.from({ length: n }, () => centre + stream.normal());
      const [mean, half] = intervalOf(gains, wide);
      if (Math.abs(mean) <= half) holds += 1;
      if (study < data.shown) studies.push([mean, half]);
      if (!study) first = gains;
    }
    const should = Math.floor(0.95 * data.pools + 0.5);
    const rows = [
      ["intervals that hold the truth", `${holds} of ${data.pools}, ${percent(holds, data.pools)}`],
      ["should be", `${should}, ${percent(should, data.pools)}`],
      ["images that two draws share, in the mean", `${v.taken}\u00a0% of each`],
      ["variance of the mean, in s²", (Math.floor(1000 * (1 / n + grown) + 0.5) / 1000).toFixed(3)],
    ];
    const summary = `${holds} of ${data.pools} intervals hold the truth, and ${should} should. Each is from ${n} draws of ${v.taken}\u00a0% of one pool; images make ${v.images}\u00a0% of their variance.`;
    return { error: null, studies, first, holds, rows, summary };
  }

  function draw(picture, s, v, data, width) {
    const left = 12, right = width - 12, top = 30, step = 11, bottom = top + step * s.studies.length, height = bottom + 40;
    const svg = shape("svg", { width, height });
    const edge = Math.max(...s.studies.map(([mean, half]) => Math.abs(mean) + half), ...s.first.map(Math.abs));
    const x = (gain) => (left + right) / 2 + ((right - left) * gain) / (2 * edge);
    const at = (gain) => x(gain).toFixed(1);
    svg.append(shape("line", { x1: x(0), x2: x(0), y1: top - 8, y2: bottom, class: "spinal-cursor spinal-dashed" }));
    label(svg, left, 14, "a row a study, with a pool of its own");
    s.studies.forEach(([mean, half], row) => {
      const y = top + step * row, holds = Math.abs(mean) <= half;
      if (!row) for (const gain of s.first) svg.append(shape("line", { x1: at(gain), x2: at(gain), y1: y - 4, y2: y + 4, class: "spinal-grid" }));
      svg.append(shape("line", { x1: at(mean - half), x2: at(mean + half), y1: y, y2: y, class: holds ? "spinal-mean spinal-line-linear" : "spinal-cursor" }));
      svg.append(holds ? shape("circle", { cx: at(mean), cy: y, r: 3, class: "spinal-fill-linear" })
        : shape("rect", { x: x(mean) - 3, y: y - 3, width: 6, height: 6, class: "spinal-now" }));
    });
    label(svg, left, bottom + 14, "first row: its draws");
    label(svg, (left + right) / 2, height - 6, "dashed: the truth; squares miss it", "middle");
    picture.append(svg);
  }

  define("one-pool", { state, draw });
})();
