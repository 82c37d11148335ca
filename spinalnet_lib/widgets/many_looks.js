/* Many looks: the same readings and means as spinalnet_lib/widgets/many_looks.py. */
(() => {
  "use strict";
  const { define, shape, label, rule, thousands, points, draws } = globalThis.SpinalWidgets;

  function state(v, data) {
    const share = v.accuracy / 1000, images = v.images;
    const deviation = 100 * Math.sqrt((share * (1 - share)) / images);
    const common = v.alike / 100;
    const stays = Math.sqrt(common), moves = Math.sqrt(1 - common);
    const stream = draws(data.start), readings = [], best = [];
    let total = 0, last = 0;
    for (let run = 0; run < data.runs; run += 1) {
      let error = stream.normal(), top = error;
      for (let look = 0; look < v.looks; look += 1) {
        if (look) error = stays * error + moves * stream.normal();
        top = Math.max(top, error);
        if (run === 0) {
          readings.push(100 * share + deviation * error);
          best.push(100 * share + deviation * top);
        }
      }
      total += top;
      last += error;
    }
    const bias = (deviation * total) / data.runs, atEnd = (deviation * last) / data.runs;
    const flattered = Math.floor((Math.abs(bias) / 100) * images + 0.5);
    const record = best[best.length - 1];
    const rows = [
      ["true accuracy", `${points(100 * share, false)}\u00a0%`],
      ["best of this run's readings", `${points(record, false)}\u00a0%, ${points(record - 100 * share)} points`],
      [`best less true, mean of ${data.runs} runs`, `${points(bias)} points, ${thousands(flattered)} of ${thousands(images)} images`],
      [`last less true, mean of ${data.runs} runs`, `${points(atEnd)} points`],
      ["standard deviation of one reading", `${points(deviation, false)} points`],
    ];
    const summary = `The best of ${v.looks} look${v.looks === 1 ? "" : "s"} flatters by ${points(bias)} points in the mean of ${data.runs} runs: nothing was learned on the way.`;
    return { error: null, readings, best, bias, at_end: atEnd, rows, summary };
  }

  function draw(picture, s, v, data, width) {
    const height = 270, left = 62, right = width - 12, top = 26, bottom = height - 42;
    const svg = shape("svg", { width, height });
    const truth = v.accuracy / 10, low = Math.min(truth, ...s.readings), high = Math.max(truth, ...s.readings);
    const room = Math.max(0.01, 0.08 * (high - low));
    const y = (percent) => bottom - ((bottom - top) * (percent - low + room)) / (high - low + 2 * room);
    const x = (look) => (s.readings.length === 1 ? (left + right) / 2 : left + ((right - left) * look) / (s.readings.length - 1));
    const marks = [low, truth, high].filter((mark, i, all) => i === 1 || Math.abs(y(mark) - y(all[1])) > 14);
    for (const mark of marks) {
      rule(svg, left, right, y(mark), mark === truth ? "spinal-mean spinal-line-linear spinal-dashed" : "spinal-grid");
      label(svg, left - 6, y(mark) + 4, `${points(mark, false)} %`, "end", mark === truth ? "spinal-strong" : "");
    }
    label(svg, 0, 12, "accuracy on the test set; dashed: the truth");
    s.readings.forEach((reading, look) => {
      svg.append(shape("circle", { cx: x(look).toFixed(1), cy: y(reading).toFixed(1), r: s.readings.length > 100 ? 2 : 3, class: "spinal-dot spinal-fill-linear" }));
    });
    const steps = s.best.flatMap((reading, look) => [
      ...(look ? [`${x(look).toFixed(1)},${y(s.best[look - 1]).toFixed(1)}`] : []), `${x(look).toFixed(1)},${y(reading).toFixed(1)}`]);
    svg.append(shape("polyline", { points: steps.join(" "), class: "spinal-cursor" }));
    svg.append(shape("circle", { cx: x(s.best.length - 1), cy: y(s.best[s.best.length - 1]), r: 4, class: "spinal-now" }));
    label(svg, left, bottom + 18, "look 1");
    label(svg, right, bottom + 18, String(s.readings.length), "end");
    label(svg, (left + right) / 2, height - 6, "line: the best so far", "middle");
    picture.append(svg);
  }

  define("many-looks", { state, draw });
})();
