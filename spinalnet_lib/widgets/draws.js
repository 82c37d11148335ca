/* Random draws, the same numbers as those of spinalnet_lib/widgets/draws.py. */
(() => {
  "use strict";

  function draws(start) {
    const modulus = 2 ** 31 - 1;
    let now = start;
    const next = () => { now = (now * 48271) % modulus; return now; };
    for (let i = 0; i < 10; i += 1) next();
    return {
      next,
      some(count, of) {
        const left = Array.from({ length: of }, (_, i) => i), found = [];
        for (let i = 0; i < count; i += 1) {
          const place = next() % left.length;
          found.push(left[place]);
          left[place] = left[left.length - 1];
          left.pop();
        }
        return found;
      },
      normal() {
        let total = 0;
        for (let i = 0; i < 12; i += 1) total += next();
        return total / modulus - 6;
      },
    };
  }

  Object.assign(globalThis.SpinalWidgets, { draws });
})();
