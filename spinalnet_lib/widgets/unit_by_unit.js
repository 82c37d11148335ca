/* Unit by unit: the same line as spinalnet_lib/widgets/unit_by_unit.py; below it two layers for each of its bends. */
(() => {
  "use strict";
  const { define, shape, label, rule, thousands } = globalThis.SpinalWidgets;

  function state(v, data) {
    const curve = data.curves[v.curve], n = Number(v.units), last = curve.length - 1;
    const done = Math.min(v.finished, n), step = last / n;
    let before = 0;
    const bends = Array.from({ length: n }, (_, j) => {
      const slope = (curve[(j + 1) * step] - curve[j * step]) * n, bend = slope - before;
      before = slope;
      return bend;
    });
    const line = curve.map((_, i) => {
      let total = curve[0];
      for (let j = 0; j < done; j += 1) total += bends[j] * Math.max(0, (i - j * step) / last);
      return total;
    });
    const error = Math.max(...line.map((ours, i) => Math.abs(ours - curve[i])));
    const rows = [
      ["layers of width two", `${2 * done} of ${2 * n}`],
      ["largest distance to the curve", error.toFixed(3)],
      ["weights of the whole spine", thousands(16 * n - 4)],
      ["weights of the dense head", `${thousands(3 * n)}, the same function`],
    ];
    const what = `${done} of ${n} units are finished, by ${2 * done} layers`;
    return { error: null, line, done, rows, summary: `${what}; the largest distance to the curve is ${rows[1][1]}.` };
  }

  function draw(picture, s, v, data, width, set) {
    const left = 10, right = width - 10, top = 26, bottom = 226, n = Number(v.units);
    const svg = shape("svg", { width, height: 320 });
    const last = s.line.length - 1;
    const x = (i) => left + ((right - left) * i) / last;
    const y = (value) => top + ((bottom - top) * (1.3 - Math.max(-1.3, Math.min(1.3, value)))) / 2.6;
    const path = (values) => values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    label(svg, left, 14, "the curve", "start");
    label(svg, left + 74, 14, "the spine, layer upon layer", "start", "spinal-ink-spinal");
    rule(svg, left, right, y(0), "spinal-grid");
    svg.append(
      shape("polyline", { points: path(data.curves[v.curve]), class: "spinal-target" }),
      shape("polyline", { points: path(s.line), class: "spinal-mean spinal-line-spinal", fill: "none" }),
    );
    for (let j = 0; j < s.done; j += 1) {
      svg.append(shape("circle", { cx: x((j * last) / n).toFixed(1), cy: y(s.line[(j * last) / n]).toFixed(1), r: n > 32 ? 2.5 : 4, class: "spinal-fill-spinal" }));
    }
    // Under each bend the two layers that make its unit: the lower one hands on the signed sum, the upper one finishes it.
    const pitch = (right - left) / n, high = 20;
    for (let j = 0; j < n; j += 1) {
      const on = j < s.done;
      const pair = shape("g", { class: "spinal-pair" });
      [0, 1].forEach((k) => pair.append(shape("rect", {
        x: (left + j * pitch + 1).toFixed(1), y: 278 - (k + 1) * (high + 2), width: Math.max(1, pitch - 2).toFixed(1), height: high,
        class: `${on ? `spinal-fill-${k ? "output" : "chain"}` : "spinal-frame"}`,
      })));
      pair.append(shape("rect", { x: (left + j * pitch).toFixed(1), y: 278 - 2 * (high + 2), width: pitch.toFixed(1), height: 2 * (high + 2), class: "spinal-touch" }));
      pair.addEventListener("click", () => set("finished", j + 1));
      svg.append(pair);
    }
    label(svg, left, 296, width < 420 ? "each pair: sum, then unit" : "each pair of layers: the lower one sums, the upper one finishes a unit");
    label(svg, right, 312, "the sum of both features ▸", "end");
    picture.append(svg);
  }

  define("unit-by-unit", { state, draw });
})();
