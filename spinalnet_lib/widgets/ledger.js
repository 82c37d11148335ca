/* The row of the ledger that a link leads to opens. A classic script without dependencies. */
(() => {
  "use strict";
  function open(hash) {
    const details = hash.startsWith("#claim-") && document.getElementById(hash.slice(1))?.querySelector("details");
    if (details) details.open = true;
  }
  document.addEventListener("click", (event) => open(event.target.closest('a[href^="#claim-"]')?.hash || ""));
  addEventListener("hashchange", () => open(location.hash));
  open(location.hash);
})();
