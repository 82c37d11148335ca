/* What a link leads to unfolds: a row of the ledger, the card of a data set; and cards are found by a word. */
(() => {
  "use strict";
  function open(hash) {
    const target = hash.length > 1 && document.getElementById(hash.slice(1));
    const fold = target && (target.matches("details.spinal-fold") ? target : hash.startsWith("#claim-") && target.querySelector("details"));
    if (!fold) return;
    fold.open = true;
    fold.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("click", (event) => open(event.target.closest('a[href^="#"]')?.hash || ""));
  addEventListener("hashchange", () => open(location.hash));
  open(location.hash);

  for (const cards of document.querySelectorAll(".spinal-cards")) {
    const find = cards.querySelector(".spinal-find"), all = [...cards.querySelectorAll("details")];
    const texts = all.map((card) => card.textContent.toLowerCase());
    find.hidden = false;
    find.querySelector("input").addEventListener("input", (event) => {
      const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
      all.forEach((card, i) => { card.hidden = !words.every((word) => texts[i].includes(word)); });
      const shown = all.filter((card) => !card.hidden);
      if (shown.length === 1) shown[0].open = true;
      find.querySelector("[role=status]").textContent = words.length ? `${shown.length} of ${all.length} cards` : "";
    });
  }
})();
