/* Guesses: what the reader answers is kept in this browser and stands again beside the truth. A classic script without
   dependencies; where nothing can be kept (a private window) a guess lasts as long as the page. */
(() => {
  "use strict";
  const kept = {};
  const key = (name) => `spinal-guess:${document.title}:${name}`;

  function read(name) {
    if (name in kept) return kept[name];
    try { return localStorage.getItem(key(name)); } catch { return null; }
  }

  function keep(name, value) {
    kept[name] = value;
    try {
      if (value === null) localStorage.removeItem(key(name)); else localStorage.setItem(key(name), value);
    } catch { /* nothing can be kept */ }
    show(name);
  }

  /* What the reader said, in the box and beside the truth. */
  function show(name) {
    const value = read(name);
    const box = document.querySelector(`.spinal-guess[data-guess="${name}"]`);
    const truth = document.querySelector(`.spinal-truth[data-guess="${name}"]`);
    const unit = box?.dataset.unit || "";
    if (box) {
      for (const radio of box.querySelectorAll("input[type=radio]")) radio.checked = radio.value === value;
      const range = box.querySelector("input[type=range]");
      if (range) range.value = value ?? range.defaultValue;
      if (range) box.querySelector("output").textContent = value === null ? "" : `${value}${unit}`;
      box.querySelector(".spinal-guess-said").textContent = value === null
        ? "" : `You say: ${value}${unit}. It is kept in this browser; the truth comes further down.`;
      box.querySelector("button").hidden = value === null;
    }
    if (truth) {
      const line = truth.querySelector(".spinal-truth-you"), words = line.querySelector("dd");
      line.hidden = false;
      words.replaceChildren();
      if (value === null) {
        const link = document.createElement("a");
        link.href = `#guess-${name}`;
        link.textContent = "no guess yet";
        words.append(link);
      } else words.textContent = `${value}${unit}, ${verdict(value, truth.dataset, unit)}`;
    }
  }

  function verdict(value, { truth, number, open }, unit) {
    if (open !== undefined) return "and nobody knows yet";
    if (number === undefined) return value === truth ? "as it is" : "but it is not so";
    const off = Math.abs(Number(value) - Number(number));
    return off === 0 ? "exactly" : `${off}${unit.trim() === "%" ? ` point${off === 1 ? "" : "s"}` : ""} off`;
  }

  for (const box of document.querySelectorAll(".spinal-guess")) {
    const name = box.dataset.guess;
    const back = document.createElement("button");
    back.type = "button";
    back.textContent = "Take it back";
    back.addEventListener("click", () => { keep(name, null); box.querySelector("input").focus(); });
    box.append(back);
    box.addEventListener("input", (event) => keep(name, event.target.value));
    // Where the thumb already stands is an answer, too, once it is clicked or entered.
    const settle = ({ target }) => { if (target.type === "range") keep(name, target.value); };
    box.addEventListener("click", settle);
    box.addEventListener("keyup", (event) => { if (event.key === "Enter" || event.key === " ") settle(event); });
    box.hidden = false;
  }
  for (const each of document.querySelectorAll(".spinal-guess, .spinal-truth")) show(each.dataset.guess);
})();
