// One image under every window: maps, the occluded crop, and the prediction under it from the front and the side.
const swept = {};
let chosen = 0; // the window that is shown

const barsDrawn = new Map();

/** A colour bar in millimetres with arrowheads where values lie beyond its ends. */
function drawBar(place, values) {
  barsDrawn.set(place, values);
  const { low, high, least, most, colours, label } = values;
  const width = Math.max(200, place.clientWidth || 300);
  const [left, right] = [14, width - 14];
  const svg = shape("svg", { viewBox: `0 0 ${width} 46`, role: "img",
    "aria-label": `${label}: colours from ${rounded(low, 0)} to ${rounded(high, 0)} mm` });
  const step = (right - left) / colours.length;
  colours.forEach((colour, at) => svg.append(shape("rect",
    { x: left + at * step, y: 2, width: step + 0.6, height: 13, fill: colour })));
  if (most > high) svg.append(shape("path", { d: `M${right} 2 l11 6.5 l-11 6.5 z`, class: "beyond",
    fill: colours[colours.length - 1], stroke: "currentColor" }));
  if (least < low) svg.append(shape("path", { d: `M${left} 2 l-11 6.5 l11 6.5 z`, class: "beyond",
    fill: colours[0], stroke: "currentColor" }));
  const span = high - low || 1;
  const unit = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((one) => (span / one) * 52 <= right - left) ?? span;
  for (let tick = Math.ceil(low / unit) * unit; tick <= high + 1e-6; tick += unit) {
    const x = left + ((tick - low) / span) * (right - left);
    const text = shape("text", { x, y: 29, "text-anchor": "middle" });
    text.textContent = rounded(tick, 0);
    svg.append(shape("line", { x1: x, x2: x, y1: 15, y2: 18, stroke: "currentColor" }), text);
  }
  const title = shape("text", { x: left, y: 44 });
  title.textContent = label;
  svg.append(title);
  place.replaceChildren(svg);
}

function exampleFigures() {
  const side = example.resolution;
  const box = `0 0 ${side} ${side}`;
  for (const [name, packed] of Object.entries(example.models)) {
    const figure = element("figure");
    const caption = element("figcaption", name);
    const note = element("span", "", "small");
    caption.append(note);
    const map = element("div", undefined, "map");
    map.tabIndex = 0;
    map.setAttribute("role", "application");
    map.setAttribute("aria-label", `Map of ${name}: arrow keys move the occluder, Home goes to the worst window`);
    const canvas = element("canvas");
    canvas.width = canvas.height = side;
    const detail = element("img");
    detail.src = example.detail;
    detail.alt = "";
    const mark = shape("svg", { viewBox: box, "aria-hidden": "true" });
    map.append(canvas, detail, mark);
    const front = shape("svg", { viewBox: box, class: "crop", role: "img" });
    const profile = shape("svg", { viewBox: box, class: "side", role: "img" });
    const views = element("div", undefined, "views");
    views.append(map, front, profile);
    figure.append(caption, views);
    byId("maps").append(figure);
    swept[name] = { note, map, canvas, mark, front, profile, bones: packed.bones, maps: unpacked(packed.maps),
      skeletons: unpacked(packed.skeletons), truth: packed.truth ? unpacked(packed.truth)[0] : null };
    map.addEventListener("keydown", moved);
    for (const event of ["pointerdown", "pointermove"]) map.addEventListener(event, pointed);
  }
}

function moved(event) {
  const { rows, cols } = example;
  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  if (event.key === "Home") toWorst();
  else if (event.key in steps) {
    const [down, right] = steps[event.key];
    const row = Math.min(rows - 1, Math.max(0, Math.floor(chosen / cols) + down));
    const col = Math.min(cols - 1, Math.max(0, (chosen % cols) + right));
    showWindow(row * cols + col);
  } else return;
  event.preventDefault();
}

function pointed(event) {
  const bounds = event.currentTarget.getBoundingClientRect();
  const x = ((event.clientX - bounds.left) / bounds.width) * example.resolution;
  const y = ((event.clientY - bounds.top) / bounds.height) * example.resolution;
  const found = example.cells.findIndex(([y0, y1, x0, x1]) => y >= y0 && y < y1 && x >= x0 && x < x1);
  if (found >= 0 && found !== chosen) showWindow(found);
}

/** To the window that throws the joint off most in any model. */
function toWorst() {
  const joint = Number(byId("joint").value);
  const worst = Object.values(swept).map(({ maps }) => maps[joint].indexOf(Math.max(...maps[joint])));
  const values = Object.values(swept).map(({ maps }, at) => maps[joint][worst[at]]);
  showWindow(worst[values.indexOf(Math.max(...values))]);
}

/** A skeleton of joints (x, y, depth): dark edges first, so that it is seen on any ground. */
function drawBody(svg, joints, edges, trunk, width, turned) {
  const place = (joint) => [turned ? example.resolution / 2 + joints[3 * joint + 2] : joints[3 * joint], joints[3 * joint + 1]];
  // What is farther from the viewer is drawn first; the side is seen from the right of the picture.
  const depth = ([one, other]) => (turned ? joints[3 * one] + joints[3 * other] : -(joints[3 * one + 2] + joints[3 * other + 2]));
  const bones = [...edges].sort((one, other) => depth(one) - depth(other));
  for (const [one, other, side] of bones) {
    const [from, to] = [place(one), place(other)];
    const ends = { x1: from[0], y1: from[1], x2: to[0], y2: to[1], "stroke-linecap": "round" };
    const colour = side > 0 ? example.limbs.left : side < 0 ? example.limbs.right : trunk;
    svg.append(shape("line", { ...ends, stroke: "#101418", "stroke-width": width + 1.4 }),
      shape("line", { ...ends, stroke: colour, "stroke-width": width }));
  }
}

function occluder([y0, y1, x0, x1]) {
  const side = example.resolution;
  const drawn = shape("svg", { x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
  if (example.paint.moves) {
    // A picture moves with the window: where the border cuts the window, it cuts the picture.
    const size = example.paint.size;
    const [x, y] = [x0 > 0 ? 0 : x1 - x0 - size, y0 > 0 ? 0 : y1 - y0 - size];
    drawn.append(shape("image", { href: example.paint.picture, x, y, width: size, height: size }));
  } else drawn.append(shape("image", { href: example.paint.picture, x: -x0, y: -y0, width: side, height: side }));
  return drawn;
}

function showWindow(window) {
  chosen = window;
  const side = example.resolution;
  const [y0, y1, x0, x1] = example.windows[window];
  const joint = Number(byId("joint").value);
  const thin = byId("reference").value;
  const square = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, fill: "none" };
  const place = `rows ${y0}-${y1}, columns ${x0}-${x1}`;
  const said = [];
  for (const [name, one] of Object.entries(swept)) {
    one.mark.replaceChildren(shape("rect", { ...square, stroke: "#000", "stroke-width": 2.6 }),
      shape("rect", { ...square, stroke: "#fff", "stroke-width": 1.2 }));
    one.front.replaceChildren(shape("image", { href: example.crop, width: side, height: side }),
      occluder(example.windows[window]));
    one.profile.replaceChildren();
    const reference = { clean: one.skeletons[0], truth: one.truth }[thin];
    for (const [svg, turned] of [[one.front, false], [one.profile, true]]) {
      if (reference) drawBody(svg, reference, thin === "truth" ? example.true_bones : one.bones, example.trunks[thin], 1.1, turned);
      drawBody(svg, one.skeletons[1 + window], one.bones, example.trunks.occluded, 3.2, turned);
      svg.setAttribute("aria-label", `Prediction of ${name} with ${place} occluded, from the ${turned ? "side" : "front"}`);
    }
    said.push(`${name} ${rounded(one.maps[joint][window])} mm`);
  }
  byId("says").textContent = `${place}: ${words(example.joints[joint])}, ${said.join(", ")}`;
  byId("says").dataset.window = window;
}

/** Ends of the colours: to the worst window of the joint or of any joint, or percentiles. */
function limits(joint) {
  const rule = byId("scale").value;
  const all = Object.values(swept).flatMap(({ maps }) => (rule === "all" ? maps : [maps[joint]]).flatMap((map) => Array.from(map)));
  const values = all.filter((value) => Number.isFinite(value)).sort((one, other) => one - other);
  const last = values.length - 1;
  let [low, high] = rule === "robust" ? [values[Math.ceil(0.01 * last)], values[Math.floor(0.99 * last)]] : [values[0], values[last]];
  if (example.diverges) [low, high] = [-Math.max(Math.abs(low), Math.abs(high)), Math.max(Math.abs(low), Math.abs(high))];
  else if (example.from_zero) low = 0;
  return { low, high, least: values[0], most: values[last] };
}

function heatmaps() {
  const joint = Number(byId("joint").value);
  const ends = limits(joint);
  const colours = example.diverges ? contents.diverging : contents.sequential;
  drawBar(byId("bar"), { ...ends, colours, label: contents.label });
  for (const one of Object.values(swept)) {
    const map = one.maps[joint];
    const pen = one.canvas.getContext("2d");
    pen.clearRect(0, 0, example.resolution, example.resolution);
    example.cells.forEach(([y0, y1, x0, x1], at) => {
      if (!Number.isFinite(map[at])) return;
      const share = Math.min(1, Math.max(0, (map[at] - ends.low) / (ends.high - ends.low || 1)));
      pen.fillStyle = colours[Math.round(share * (colours.length - 1))];
      pen.fillRect(x0, y0, x1 - x0, y1 - y0);
    });
    one.map.dataset.values = Array.from(map, (value) => value.toFixed(2)).join();
    one.note.textContent = `${rounded(Math.min(...map), 0)}…${rounded(Math.max(...map), 0)} mm`;
  }
  showWindow(chosen);
}

function startExample() {
  exampleFigures();
  byId("image").textContent = example.image;
  byId("shades").textContent = example.shades;
  menu("joint", example.order.map((at) => [at, words(example.joints[at])]), heatmaps);
  byId("joint").value = example.joints.length - 1;
  byId("scale").addEventListener("change", heatmaps);
  const truth = Object.values(swept).some((one) => one.truth);
  menu("reference", [["clean", "clean prediction"], ...(truth ? [["truth", "ground truth"]] : []), ["none", "none"]],
    () => { lineLegend(); showWindow(chosen); });
  byId("worst").addEventListener("click", toWorst);
  lineLegend();
  toWorst();
  heatmaps();
}

function lineLegend() {
  const thin = byId("reference").value;
  legend(byId("lines"), [[example.limbs.left, "left limbs"], [example.limbs.right, "right limbs"],
    [example.trunks.occluded, "head and trunk under the occluder"],
    ...(thin === "none" ? [] : [[example.trunks[thin], `head and trunk of the thin lines: ${byId("reference").selectedOptions[0].textContent}`]])]);
}
