/* Paired differences: a mean with its interval and the way to write points, as spinalnet_lib/widgets/differences.py has them. */
(() => {
  "use strict";

  /* [mean, low, high] of whole `unit`-ths; of one value no interval. */
  function interval(values, t, unit = 1000) {
    const n = values.length;
    let total = 0;
    for (const value of values) total += value;
    const mean = total / n;
    if (n < 2) return [mean / unit, null, null];
    let squares = 0;
    for (const value of values) squares += (value - mean) * (value - mean);
    const half = t[n] * Math.sqrt(squares / (n - 1) / n);
    return [mean / unit, (mean - half) / unit, (mean + half) / unit];
  }

  function points(value, signed = true) {
    const hundredths = Math.floor(Math.abs(value) * 100 + 0.5);
    const sign = !hundredths || !signed ? "" : value < 0 ? "−" : "+";
    return `${sign}${Math.floor(hundredths / 100)}.${String(hundredths % 100).padStart(2, "0")}`;
  }

  function said([mean, low, high]) {
    return `${points(mean)} points${low === null ? "" : ` (${points(low)} to ${points(high)})`}`;
  }

  function leader(difference) { return difference < 0 ? "spinal" : difference > 0 ? "dense" : "neither"; }

  Object.assign(globalThis.SpinalWidgets, { interval, points, said, leader });
})();
