/* Error curves: the same means and intervals as spinalnet_lib/widgets/error_curves.py, every seed drawn. */
(() => {
  "use strict";
  const { define, shape, label, rule, steps, marker, interval } = globalThis.SpinalWidgets;

  const DOTS = 14;  // the width of a column of dots, one an arm

  function band(values, shown, t) {
    const [mean, low, high] = interval(values, t, 1);
    if (shown === "range") return [mean, Math.min(...values), Math.max(...values)];
    return shown === "none" ? [mean, null, null] : [mean, low, high];
  }

  function percent(share) {
    const hundredths = Math.floor(Math.abs(share) * 10000 + 0.5);
    const sign = share < 0 && hundredths ? "−" : "";
    return `${sign}${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}\u00a0%`;
  }

  function cell(arm, errors, look) {
    const last = arm.mean.length - 1;
    let seeds = `${arm.seeds} seed${arm.seeds > 1 ? "s" : ""}`;
    if (arm.looked !== null) seeds += `; seed ${look}: ${percent(errors[arm.looked][last])}`;
    if (arm.low[last] === null) return `${percent(arm.mean[last])}, ${seeds}`;
    return `${percent(arm.mean[last])} (${percent(arm.low[last])} to ${percent(arm.high[last])}), ${seeds}`;
  }

  function state(v, data) {
    const chosen = v.arms.map((arm) => {
      const runs = data.errors[arm].slice(0, v.seeds);
      const bands = data.epochs.map((_, e) => band(runs.map((run) => run[e]), v.interval, data.t));
      const looked = data.numbers[arm].slice(0, v.seeds).map(String).indexOf(v.look);
      return {
        arm, seeds: runs.length, mean: bands.map((b) => b[0]), low: bands.map((b) => b[1]), high: bands.map((b) => b[2]),
        looked: looked < 0 ? null : looked,
      };
    });
    const rows = chosen.map((arm) => [data.arms[arm.arm], cell(arm, data.errors[arm.arm], v.look)]);
    const summary = chosen.length
      ? `Validation error after epoch ${data.epochs[data.epochs.length - 1]}: ${rows.map(([name, text]) => `${name} ${text}`).join("; ")}.`
      : "No head is chosen.";
    return { error: null, chosen, rows, summary };
  }

  /* Round numbers between `low` and `high`, closer together on a short logarithmic axis. */
  function ticks(low, high, log) {
    if (!log) return steps(high, 0);
    const found = [], marks = high / low > 12 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
    for (let power = -4; power <= 0; power += 1) for (const m of marks) {
      const value = m * 10 ** power;
      if (value >= low && value <= high) found.push(value);
    }
    return found;
  }

  function draw(picture, s, v, data, width, set) {
    if (!s.chosen.length) return;
    const height = 330, left = 54, right = width - 12 - DOTS * s.chosen.length, top = 26, bottom = height - 40;
    const svg = shape("svg", { width, height });
    label(svg, 0, 12, `validation error${v.log ? ", logarithmic" : ""}`);
    const drawn = s.chosen.flatMap((arm) => [...data.errors[arm.arm].slice(0, v.seeds).flat(), ...arm.high, ...arm.low])
      .filter((n) => n !== null);
    // A lower bound at or below zero has no place on a logarithmic axis: the band is cut off at half the lowest error.
    const lowest = Math.min(1, ...data.errors.flat(2).filter((n) => n > 0));
    const floor = v.log ? 0.8 * Math.min(lowest, ...drawn.filter((n) => n > lowest / 2)) : 0;
    const ceiling = Math.min(1, 1.05 * Math.max(...drawn));
    const first = data.epochs[0], last = data.epochs[data.epochs.length - 1];
    const x = (epoch) => (last === first ? (left + right) / 2 : left + ((right - left) * (epoch - first)) / (last - first));
    const scale = v.log ? Math.log : (n) => n;
    const inside = (n) => scale(Math.min(ceiling, Math.max(n, floor)));
    const y = (n) => bottom - ((bottom - top) * (inside(n) - scale(floor))) / (scale(ceiling) - scale(floor));
    for (const n of ticks(floor, ceiling, v.log)) {
      rule(svg, left, right, y(n), "spinal-grid");
      label(svg, left - 6, y(n) + 4, `${Number((100 * n).toPrecision(3))} %`, "end");
    }
    const stride = Math.max(1, Math.ceil(data.epochs.length / Math.max(2, Math.floor((right - left) / 60))));
    data.epochs.forEach((epoch, i) => {
      if ((data.epochs.length - 1 - i) % stride === 0) label(svg, x(epoch), bottom + 17, Number(epoch.toFixed(2)), "middle");
    });
    label(svg, (left + right) / 2, height - 4, "epoch", "middle");
    const points = (values) => values.map((n, i) => `${x(data.epochs[i]).toFixed(1)},${y(n).toFixed(1)}`);
    const add = (tag, corners, css) => svg.append(shape(tag, { points: corners.join(" "), class: css }));
    for (const arm of s.chosen) {
      const colour = data.inks[arm.arm], dash = data.dashed[arm.arm] ? " spinal-dashed" : "";
      if (arm.low[0] !== null) {
        add("polygon", [...points(arm.high), ...points(arm.low).reverse()], `spinal-band spinal-fill-${colour}`);
      }
      for (const run of data.errors[arm.arm].slice(0, v.seeds)) add("polyline", points(run), `spinal-seed spinal-line-${colour}`);
      add("polyline", points(arm.mean), `spinal-mean spinal-line-${colour}${dash}`);
      if (arm.looked !== null) add("polyline", points(data.errors[arm.arm][arm.looked]), `spinal-looked spinal-line-${colour}`);
      arm.mean.forEach((n, i) => svg.append(marker(arm.arm, x(data.epochs[i]), y(n), `spinal-fill-${colour}`)));
    }
    s.chosen.forEach((arm, column) => data.errors[arm.arm].slice(0, v.seeds).forEach((run, i) => {  // where each seed ended
      const name = String(data.numbers[arm.arm][i]), on = i === arm.looked;
      const at = { cx: right + DOTS * (column + 0.7), cy: y(run[run.length - 1]), r: on ? 6 : 4 };
      const dot = shape("circle", { ...at, class: `spinal-pair spinal-dot spinal-fill-${data.inks[arm.arm]}${on ? " spinal-last" : ""}` });
      dot.append(shape("title", {}, `${data.arms[arm.arm]}, seed ${name}: ${percent(run[run.length - 1])}`));
      dot.addEventListener("click", () => set("look", on ? "none" : name));
      svg.append(dot);
    }));
    picture.append(svg);
  }

  define("error-curves", { state, draw });
})();
