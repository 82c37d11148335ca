/* Climb and cut: the same spine as spinalnet_lib/models/small_spine.py, its skin to draw on, its lines to cut. */
(() => {
  "use strict";
  const { define, shape, label, percent, splitSizes } = globalThis.SpinalWidgets;
  const SIDE = 28, LEVELS = 7, SHADES = 15, PEN = 1.75, TOUCH = 24;  // pixels that a finger needs
  const EMPTY = "An empty board says nothing: draw on it, or take a stored image.";
  const spines = new WeakMap(), pens = new WeakMap();

  // -- the file ----
  function bytes(text) {
    const all = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(all, (letter) => letter.charCodeAt(0));
  }

  /* Shades of up to `size` pixels; see data/packed_images.py. */
  function unpack(text, size) {
    const packed = bytes(text), shades = new Uint8Array(size);
    const nibble = (i) => (i % 2 ? packed[i >> 1] & 15 : packed[i >> 1] >> 4);
    for (let i = 0, at = 0; i < 2 * packed.length && at < size; i += 1) {
      const value = nibble(i);
      if (value) { shades[at] = value; at += 1; }
      else { i += 1; at += i < 2 * packed.length ? nibble(i) : 0; }
    }
    return shades;
  }

  function pack(shades) {
    const nibbles = [];
    let run = 0;
    for (const shade of shades) {
      if (!shade) { run += 1; continue; }
      for (; run; run -= Math.min(run, SHADES)) nibbles.push(0, Math.min(run, SHADES));
      nibbles.push(shade);
    }
    if (nibbles.length % 2) nibbles.push(0);
    let text = "";
    for (let i = 0; i < nibbles.length; i += 2) text += String.fromCharCode((nibbles[i] << 4) | nibbles[i + 1]);
    return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  /* Matrices in rows; throws for a file that is cut off. */
  function unpackSpine(file) {
    const steps = new Int8Array(bytes(file.int8).buffer);
    let at = 0;
    const take = (rows, columns, part) => {
      const weights = Float64Array.from(steps.subarray(at, at + rows * columns), (step) => step * file.scales[part]);
      if (weights.length < rows * columns) throw new RangeError("the file ends early");
      at += rows * columns;
      return { weights, rows, columns, bias: file.biases[part] };
    };
    const sizes = splitSizes(file.side * file.side, file.levels);
    const layers = sizes.map((size, k) => take(file.width, size + (k ? file.width : 0), k));
    const votes = take(file.classes.length, file.levels * file.width, file.levels);
    const images = unpack(file.images, file.labels.length * SIDE * SIDE);
    const image = (i) => images.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE);
    return { layers, votes, sizes, image, classes: file.classes, labels: file.labels, width: file.width, rights: {} };
  }

  function spineOf(file) {
    if (!file) return null;
    if (!spines.has(file)) {
      let spine = null;
      try { spine = unpackSpine(file); } catch { /* a damaged file: the sentence in `state` says so */ }
      spines.set(file, spine);
    }
    return spines.get(file);
  }

  // -- the climb ----
  /* Votes after each level, centred over the classes: [level from 0][class]. */
  function climb(spine, shades, cut) {
    const { votes, width, classes } = spine;
    const running = [Float64Array.from(votes.bias)];
    let below = new Float64Array(0), pixel = 0;
    spine.layers.forEach(({ weights, rows, columns, bias }, k) => {
      const level = k + 1, size = spine.sizes[k], own = new Float64Array(rows);
      const cord = cut === `cord-${k}` || cut === `both-${k}`, way = cut === `way-${level}` || cut === `both-${level}`;
      const seen = [];  // row from below: columns of the band that are not black
      for (let i = 0; i < size && cut !== `root-${level}`; i += 1) {
        const at = pixel + i, shade = shades[(SIDE - 1 - Math.floor(at / SIDE)) * SIDE + (at % SIDE)];
        if (shade) seen.push([i, shade / SHADES]);
      }
      for (let row = 0; row < rows; row += 1) {
        let sum = bias[row];
        for (const [i, x] of seen) sum += weights[row * columns + i] * x;
        if (!cord) for (let i = 0; i < below.length; i += 1) sum += weights[row * columns + size + i] * below[i];
        own[row] = Math.max(0, sum);
      }
      pixel += size;
      below = own;
      const last = running[k];
      running.push(last.map((vote, c) => {
        let sum = vote;
        if (!way) for (let i = 0; i < width; i += 1) sum += votes.weights[c * votes.columns + k * width + i] * own[i];
        return sum;
      }));
    });
    return running.map((level) => {
      const mean = level.reduce((sum, vote) => sum + vote, 0) / classes.length;
      return Array.from(level, (vote) => vote - mean);
    });
  }

  const first = (votes) => votes.indexOf(Math.max(...votes));

  function rightOf(spine, cut) {
    if (!(cut in spine.rights)) {
      spine.rights[cut] = spine.labels.filter((label, i) => first(climb(spine, spine.image(i), cut)[LEVELS]) === label).length;
    }
    return spine.rights[cut];
  }

  function cutName(cut) {
    const [part, k] = cut.split("-");
    if (part === "root") return `the root of level ${k}`;
    if (part === "cord") return `the cord from level ${k} to ${Number(k) + 1}`;
    if (part === "way") return `the way up of level ${k}`;
    return part === "both" ? `cord and way up of level ${k}` : "nothing";
  }

  const share = (part, whole) => `${part} of ${whole} (${percent(part, whole)})`;

  function state(v, data) {
    const spine = spineOf(data[v.alphabet]);
    if (!spine) {
      const error = `The file with the spine of ${v.alphabet} is missing or damaged, so there is nothing to climb here; all else on this page works.`;
      return { error, rows: [], summary: error };
    }
    const own = v.sample === 0, cut = v.cut, stored = spine.labels.length;
    const board = own ? unpack(v.ink, SIDE * SIDE) : spine.image(v.sample - 1);
    const counted = { right: rightOf(spine, cut), right_whole: rightOf(spine, "none") };
    const last = [["cut", cutName(cut)], ["validation images read right", share(counted.right, stored)]];
    if (cut !== "none") last[1][1] += `; with nothing cut ${share(counted.right_whole, stored)}`;
    const shades = Array.from(board);
    if (!shades.some(Boolean)) {
      const nothing = { votes: [], leaders: [], whole: [], decided: null, truth: null };
      return { error: null, shades, ...nothing, ...counted, rows: [["on the board", "nothing"], ...last], summary: EMPTY };
    }
    const running = climb(spine, board, cut);
    const names = (votes) => votes.slice(1).map((level) => spine.classes[first(level)]);
    const leaders = names(running), whole = names(climb(spine, board, "none"));
    const answer = leaders[LEVELS - 1];
    let decided = LEVELS;
    while (decided > 1 && leaders[decided - 2] === answer) decided -= 1;
    const truth = own ? null : spine.classes[spine.labels[v.sample - 1]], shown = v.bet !== "none";
    const rows = [["on the board", own ? "your drawing" : `${truth}, held out from training`], ["read as", answer]];
    if (shown) {
      rows.push(["ahead after each level, from below", leaders.join(" ")]);
      rows.push(["decided at level", v.bet === "show" ? `${decided}` : `${decided}; your bet: ${v.bet}`]);
    }
    rows.push(...last);
    let summary = `${own ? "Your drawing" : `This ${truth}`} is read as ${answer}`;
    if (cut !== "none") summary += ` with ${cutName(cut)} cut; whole, it is read as ${whole[LEVELS - 1]}`;
    summary += shown ? `. It is decided at level ${decided}.` : ". Bet: at which level is that decided?";
    summary += ` ${counted.right} of ${stored} validation images are read right.`;
    const votes = running.map((level) => level.map((vote) => Math.floor(vote * 10000 + 0.500001) / 10000));
    return { error: null, shades, votes, leaders, whole, decided, truth, ...counted, rows, summary };
  }

  // -- the pen ----
  /* Listens on the picture, which stays, while what is in it is drawn anew with every move. */
  function lend(picture, now) {
    if (pens.has(picture)) { Object.assign(pens.get(picture), now); return; }
    const pen = { ...now, down: false, from: null, queue: [] };
    pens.set(picture, pen);
    const place = (event) => {
      const box = picture.querySelector(".spinal-skin").getBoundingClientRect();
      return [((event.clientX - box.left) / box.width) * SIDE - 0.5, ((event.clientY - box.top) / box.height) * SIDE - 0.5];
    };
    const stroke = (shades, event) => {
      const to = place(event), from = event.type === "pointerdown" ? to : pen.from;
      const parts = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) * 2));
      for (let part = 0; part <= parts; part += 1) {
        const x = from[0] + ((to[0] - from[0]) * part) / parts, y = from[1] + ((to[1] - from[1]) * part) / parts;
        for (let row = Math.max(0, Math.floor(y - PEN)); row <= Math.min(SIDE - 1, y + PEN); row += 1) {
          for (let column = Math.max(0, Math.floor(x - PEN)); column <= Math.min(SIDE - 1, x + PEN); column += 1) {
            const dark = Math.round(SHADES * Math.min(1, Math.max(0, PEN - Math.hypot(column - x, row - y))));
            shades[row * SIDE + column] = Math.max(shades[row * SIDE + column], dark);
          }
        }
      }
      pen.from = to;
    };
    const flush = () => {
      if (pen.sample !== 0) { pen.shades = new Uint8Array(SIDE * SIDE); pen.set("ink", ""); pen.set("sample", 0); }
      const shades = Uint8Array.from(pen.shades);
      for (const event of pen.queue.splice(0)) stroke(shades, event);
      pen.set("ink", pack(shades));
    };
    /* Once a frame; and a skin that were drawn anew within its pointerdown would miss the touchstart that follows. */
    const later = (events) => {
      if (!pen.queue.length) requestAnimationFrame(flush);
      pen.queue.push(...events);
    };
    picture.addEventListener("pointerdown", (event) => {
      if (!event.target.classList?.contains("spinal-skin") || !event.isPrimary || event.button) return;
      event.preventDefault();
      picture.setPointerCapture(event.pointerId);
      pen.down = true;
      later([event]);
    });
    picture.addEventListener("touchstart", (event) => {  // or the page scrolls under the finger
      if (event.target.classList?.contains("spinal-skin")) event.preventDefault();
    }, { passive: false });
    picture.addEventListener("pointermove", (event) => {
      if (pen.down) later([...(event.getCoalescedEvents?.() || []), event]);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) picture.addEventListener(end, () => { pen.down = false; });
    picture.addEventListener("click", (event) => {
      const cut = event.target.dataset?.cut;
      if (cut) pen.set("cut", cut === pen.cut ? "none" : cut);
    });
  }

  // -- the picture ----
  function draw(picture, s, v, data, width, set) {
    lend(picture, { shades: s.shades, sample: v.sample, cut: v.cut, set });
    const classes = data[v.alphabet].classes, letters = Math.max(...classes.map((name) => name.length));
    const narrow = width < 480, top = 24, left = narrow ? 12 : 18;
    const least = LEVELS * TOUCH, share = Math.floor(((narrow ? 0.5 : 0.44) * width) / SIDE) * SIDE;
    const side = Math.max(least, Math.min(322, share)), cell = side / SIDE, band = side / LEVELS;
    const spineX = left + side + (narrow ? 1.5 * TOUCH : 44), barsX = spineX + (narrow ? 14 : 44), right = width - (narrow ? 6 + 10 * letters : 20 + 20 * letters);
    const height = top + side + 40;
    const svg = shape("svg", { width, height });
    const middle = (k) => top + side - (k - 0.5) * band;
    const severed = (part, k) => v.cut === `${part}-${k}` || (v.cut === `both-${k}` && part !== "root");
    const wire = (part, ink, k, points) => {
      const css = `spinal-wire spinal-wire-${ink}${severed(part, k) ? " spinal-severed" : ""}`;
      svg.append(shape("polyline", { points, class: css }));
    };
    label(svg, left + side / 2, 14, narrow ? "skin: draw" : "skin: draw here", "middle");
    if (!narrow) label(svg, spineX, 14, "spine", "middle");
    label(svg, barsX, 14, width - barsX < 240 ? "votes" : "votes after each level, less their mean");

    svg.append(shape("rect", { x: left, y: top, width: side, height: side, class: "spinal-skin" }));
    s.shades.forEach((shade, i) => {
      if (!shade) return;
      const at = { x: left + (i % SIDE) * cell, y: top + Math.floor(i / SIDE) * cell, width: cell + 0.3, height: cell + 0.3 };
      svg.append(shape("rect", { ...at, class: "spinal-ink", "fill-opacity": (shade / SHADES).toFixed(2) }));
    });
    for (let k = 1; k < LEVELS; k += 1) {
      svg.append(shape("line", { x1: left, x2: left + side, y1: top + k * band, y2: top + k * band, class: "spinal-grid spinal-band-edge" }));
    }
    if (!s.shades.some(Boolean)) label(svg, left + side / 2, top + side / 2 + 4, side < 200 ? "draw here" : "draw, or take a stored image", "middle", "spinal-hint");

    const most = Math.max(1e-9, ...s.votes.flat().map(Math.abs)), shown = v.bet !== "none";
    const barsEnd = right - (narrow ? 5 : 10), step = (barsEnd - barsX) / classes.length;
    for (let k = 1; k <= LEVELS; k += 1) {
      const y = middle(k);
      label(svg, left - 3, y + 4, k, "end");
      if (severed("root", k)) svg.append(shape("rect", { x: left, y: y - band / 2, width: side, height: band, class: "spinal-numb" }));
      wire("root", "input", k, `${left + side + 2},${y} ${spineX - 7},${y}`);
      if (k < LEVELS) wire("cord", "chain", k, `${spineX},${y - 7} ${spineX},${middle(k + 1) + 7}`);
      wire("way", "output", k, `${spineX + 7},${y} ${barsX - 4},${y}`);
      svg.append(shape("circle", { cx: spineX, cy: y, r: 6, class: "spinal-fill-spinal" }));
      if (!s.leaders.length) continue;
      if (!shown && k < LEVELS) { label(svg, (barsX + right) / 2, y + 4, "?", "middle", "spinal-strong"); continue; }
      const leader = s.leaders[k - 1], reach = 0.42 * band;
      svg.append(shape("line", { x1: barsX, x2: barsEnd, y1: y, y2: y, class: "spinal-grid" }));
      s.votes[k].forEach((vote, c) => {
        const tall = Math.max(0.5, (Math.abs(vote) / most) * reach), ink = classes[c] === leader ? "spinal" : "linear";
        svg.append(shape("rect", { x: (barsX + c * step + 0.1 * step).toFixed(1), width: (0.8 * step).toFixed(1), y: (vote > 0 ? y - tall : y).toFixed(1), height: tall.toFixed(1), class: `spinal-vote spinal-fill-${ink}` }));
      });
      label(svg, right, y + 5, leader, "start", "spinal-leader");
      const changed = leader !== s.whole[k - 1];
      if (changed && !narrow) label(svg, right + 14 + 10 * letters, y + 5, s.whole[k - 1], "start", "spinal-was");
      if (shown && k === s.decided) svg.append(shape("rect", { x: right - 5, y: y - 11, width: 10 + 10 * letters, height: 22, rx: 4, class: "spinal-cursor" }));
    }
    if (s.leaders.length && step > 8 && letters === 1) {
      classes.forEach((name, c) => label(svg, barsX + (c + 0.5) * step, top + side + 12, name, "middle"));
    }
    const half = band / 2;
    for (let k = 1; k <= LEVELS; k += 1) {  // what takes the click: wider than the line
      const y = middle(k), edge = left + side, beside = TOUCH / 2;
      const boxes = { root: [edge, y - half, spineX - beside - edge, band], way: [spineX + beside, y - half, right - spineX - beside, band] };
      if (k < LEVELS) boxes.cord = [spineX - beside, y - band, TOUCH, band];
      for (const [part, [x, at, wide, tall]] of Object.entries(boxes)) {
        svg.append(shape("rect", { x, y: at, width: wide, height: tall, class: "spinal-scissors", "data-cut": `${part}-${k}` }));
        if (severed(part, k)) {
          const [cx, cy] = { root: [x + wide / 2, y], cord: [spineX, y - half], way: [(spineX + barsX) / 2, y] }[part];
          svg.append(shape("path", { d: `M${cx - 5},${cy - 5} l10,10 m0,-10 l-10,10`, class: "spinal-cursor spinal-cut" }));
        }
      }
    }
    key(svg, left, height - 8, narrow);
    picture.append(svg);
  }

  function key(svg, left, y, narrow) {
    let x = left;
    for (const [ink, name] of [["input", "root"], ["chain", "cord"], ["output", "way up"]]) {
      svg.append(shape("rect", { x, y: y - 8, width: 14, height: 4, class: `spinal-fill-${ink}` }));
      label(svg, x + 18, y, name);
      x += narrow ? 54 + 3 * (name.length - 4) : 80;
    }
    label(svg, narrow ? x + 8 : x, y, narrow ? "tap to cut" : "click a line to cut it");
  }

  define("climb-and-cut", { state, draw });
})();
