/* Noise floor: the same errors and medians as spinalnet_lib/widgets/noise_floor.py, every seed drawn. */
(() => {
  "use strict";
  const { define, shape, label } = globalThis.SpinalWidgets;
  const NAMES = ["dense net", "spinal net"], INKS = ["dense", "spinal"];

  function median(values) {
    const ordered = [...values].sort((a, b) => a - b), middle = Math.floor(values.length / 2);
    return values.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
  }

  function short(value) { return String(Number(value.toPrecision(3))); }

  function cell(errors) {
    if (errors.length === 1) return short(errors[0]);
    return `median ${short(median(errors))} (${short(Math.min(...errors))} to ${short(Math.max(...errors))}), ${errors.length} seeds`;
  }

  function state(v, data) {
    const target = data.targets[v.target];
    const errors = target.errors[v.reading].map((ofNet) => ofNet.slice(0, v.seeds));
    const every = errors.flat();
    const below = every.filter((error) => error < data.floor).length;
    const medians = errors.map(median);
    const rows = NAMES.map((name, i) => [name, cell(errors[i])]);
    rows.push(["spinal ÷ dense, medians", short(medians[1] / medians[0])]);
    rows.push(["below the noise", `${below} of ${every.length}, the noise has variance ${short(data.floor)}`]);
    let said = `${rows[0][0]} ${rows[0][1]}, ${rows[1][0]} ${rows[1][1]}; ${below} of ${every.length} below the noise`;
    if (v.reading === "fresh") {
      rows.push(["always saying the mean", short(target.mean_predictor)]);
      said += `; always saying the mean has ${short(target.mean_predictor)}`;
    }
    return { error: null, errors, medians, below, rows, summary: `${said}.` };
  }

  function draw(picture, s, v, data, width) {
    const height = 210, left = 24, right = width - 16, top = 34, bottom = height - 44;
    const svg = shape("svg", { width, height });
    const [low, high] = data.span.map(Math.log);
    const x = (error) => left + ((right - left) * (Math.log(error) - low)) / (high - low);
    const line = (at, css) => svg.append(shape("line", { x1: x(at), x2: x(at), y1: top - 8, y2: bottom, class: css }));
    for (let power = Math.round(Math.log10(data.span[0])); power <= Math.round(Math.log10(data.span[1])); power += 1) {
      const mark = 10 ** power;
      line(mark, "spinal-grid");
      label(svg, x(mark), bottom + 16, String(Number(mark.toPrecision(1))), "middle");
    }
    label(svg, (left + right) / 2, height - 8, "squared error, logarithmic", "middle");
    line(data.floor, "spinal-cursor spinal-dashed");
    label(svg, x(data.floor), 14, "variance of the noise", "middle", "spinal-strong");
    if (v.reading === "fresh") {
      const mean = data.targets[v.target].mean_predictor;
      line(mean, "spinal-cursor");
      label(svg, Math.min(x(mean), right - 40), 14, "the mean", "middle", "spinal-strong");
    }
    s.errors.forEach((errors, net) => {
      const y = top + 28 + net * 58;
      label(svg, left, y - 20, NAMES[net], "start", `spinal-ink-${INKS[net]}`);
      errors.forEach((error, i) => {
        const shift = errors.length > 1 ? 22 * (((i * 0.618) % 1) - 0.5) : 0;
        svg.append(shape("circle", { cx: x(error).toFixed(1), cy: (y + shift).toFixed(1), r: errors.length > 1 ? 4 : 7, class: `spinal-dot spinal-fill-${INKS[net]}` }));
      });
      if (errors.length > 1) svg.append(shape("line", { x1: x(s.medians[net]), x2: x(s.medians[net]), y1: y - 17, y2: y + 17, class: `spinal-mean spinal-line-${INKS[net]}` }));
    });
    picture.append(svg);
  }

  define("noise-floor", { state, draw });
})();
