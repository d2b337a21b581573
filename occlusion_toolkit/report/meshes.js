// Sensitivity meshes that turn together, by pointer, keys and buttons.
const GREY = "#bdbdbd";
const views = {};
let kind = "models"; // or "differences"
const camera = { turn: 0, tilt: 0.04, distance: 2.3 }; // degrees from the front to the body's left, share, units

const eye = () => {
  const angle = (camera.turn * Math.PI) / 180;
  const flat = camera.distance * Math.cos(camera.tilt);
  return { x: flat * Math.sin(angle), y: -flat * Math.cos(angle), z: camera.distance * Math.sin(camera.tilt) };
};

function meshFigures(what) {
  byId("meshes").replaceChildren();
  for (const name of Object.keys(views)) delete views[name];
  for (const name of Object.keys(meshes[what])) {
    const packed = meshes[what][name];
    const figure = element("figure");
    const caption = element("figcaption", name);
    const note = element("span", "", "small");
    caption.append(note);
    const plot = element("div", undefined, "mesh");
    plot.tabIndex = 0;
    plot.setAttribute("role", "application");
    plot.setAttribute("aria-label", `Body of ${name}: arrow keys turn it, plus and minus come nearer and go back`);
    plot.addEventListener("keydown", turnedByKey);
    figure.append(caption, plot);
    byId("meshes").append(figure);
    views[name] = { note, plot, values: unpacked(what === "models" ? packed : packed.values),
      significant: what === "models" ? null : unpacked(packed.significant),
      limits: what === "models" ? null : packed.limit };
  }
  byId("grey").textContent = what === "models" ? "seen in no image" : "difference not significant";
}

function turnedByKey(event) {
  const steps = { ArrowLeft: ["turn", -15], ArrowRight: ["turn", 15], ArrowUp: ["tilt", 0.15], ArrowDown: ["tilt", -0.15],
    "+": ["distance", -0.25], "=": ["distance", -0.25], "-": ["distance", 0.25] };
  if (!(event.key in steps)) return;
  const [what, by] = steps[event.key];
  turn(what, camera[what] + by);
  event.preventDefault();
}

function turn(what, value) {
  camera[what] = value;
  camera.tilt = Math.min(1.4, Math.max(-1.4, camera.tilt));
  camera.distance = Math.min(5, Math.max(0.6, camera.distance));
  showCamera(Object.values(views));
}

let seen = false; // bodies are heavy: they are drawn when their section is first seen
let turning = false; // relayout answers with the event that called it

function showCamera(which) {
  if (!seen) return;
  turning = true;
  Promise.all(which.map((view) => Plotly.relayout(view.plot, { "scene.camera": { eye: eye() } })))
    .finally(() => { turning = false; });
}

function dragged(view, change) {
  const found = change["scene.camera"]?.eye;
  if (turning || !found) return;
  camera.distance = Math.hypot(found.x, found.y, found.z);
  camera.tilt = Math.asin(found.z / camera.distance);
  camera.turn = (Math.atan2(found.x, -found.y) * 180) / Math.PI;
  showCamera(Object.values(views).filter((other) => other !== view));
}

function coloured(view, row, low, high, colours) {
  return Array.from(view.values[row], (value, vertex) => {
    if (Number.isNaN(value) || (view.significant && view.significant[row][vertex] < 0.5)) return GREY;
    const share = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
    return colours[Math.round(share * (colours.length - 1))];
  });
}

function drawMeshes() {
  if (!seen) return;
  const row = Number(byId("row").value);
  const what = kind;
  const signed = what === "differences" || meshes.diverges;
  const colours = signed ? contents.diverging : contents.sequential;
  let [low, high] = what === "models" ? meshes.limits[row]
    : [0, Math.max(...Object.values(views).map((view) => view.limits[row]))];
  if (signed) low = -(high = Math.max(Math.abs(low), Math.abs(high)));
  const vertices = unpacked(meshes.vertices);
  const faces = unpacked(meshes.faces, Int32Array);
  const axis = { visible: false };
  let [least, most] = [Infinity, -Infinity];
  for (const view of Object.values(views)) {
    const texts = Array.from(view.values[row], (value) => (Number.isNaN(value) ? "seen in no image" : `${rounded(value)} mm`));
    // The body's axes are x left, y up, z front; plotly's z points up.
    const mesh = {
      type: "mesh3d", x: vertices.map((v) => v[0]), y: vertices.map((v) => -v[2]), z: vertices.map((v) => v[1]),
      i: faces.map((f) => f[0]), j: faces.map((f) => f[1]), k: faces.map((f) => f[2]),
      vertexcolor: coloured(view, row, low, high, colours), text: texts, hoverinfo: "text",
      lighting: { ambient: 0.75, diffuse: 0.35, specular: 0.02 }, flatshading: false,
    };
    Plotly.react(view.plot, [mesh], { margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "rgba(0,0,0,0)",
      scene: { aspectmode: "data", xaxis: axis, yaxis: axis, zaxis: axis, camera: { eye: eye() } } }, config);
    const finite = Array.from(view.values[row]).filter((value) => !Number.isNaN(value));
    least = Math.min(least, ...finite);
    most = Math.max(most, ...finite);
    view.note.textContent = finite.length ? `${rounded(Math.min(...finite), 0)}…${rounded(Math.max(...finite), 0)} mm` : "seen in no image";
    if (!view.listens) {
      view.listens = true;
      view.plot.on("plotly_relayout", (change) => dragged(view, change));
    }
  }
  const label = what === "differences" ? `difference of ${meshes.label}` : meshes.label;
  drawBar(byId("meshbar"), { low, high, least, most, colours, label });
}

function startMeshes() {
  for (const [name, what, value] of [["Front", "turn", () => 0], ["Left", "turn", () => 90], ["Back", "turn", () => 180],
    ["Right", "turn", () => 270], ["Turn left", "turn", () => camera.turn - 15], ["Turn right", "turn", () => camera.turn + 15],
    ["Nearer", "distance", () => camera.distance - 0.25], ["Farther", "distance", () => camera.distance + 0.25]]) {
    const button = element("button", name);
    button.type = "button";
    button.addEventListener("click", () => turn(what, value()));
    byId("turns").append(button);
  }
  meshFigures("models");
  menu("row", meshes.order.map((at) => [at, words(meshes.rows[at])]), drawMeshes);
  byId("row").value = meshes.rows.length - 1;
  if (Object.keys(meshes.differences).length) {
    byId("what").addEventListener("change", (event) => { kind = event.target.value; meshFigures(kind); drawMeshes(); });
  } else {
    byId("what").previousElementSibling.remove();
    byId("what").remove();
  }
  const show = () => { watcher.disconnect(); seen = true; drawMeshes(); };
  const watcher = new IntersectionObserver((entries) => { if (entries.some((one) => one.isIntersecting)) show(); });
  watcher.observe(byId("body"));
  addEventListener("beforeprint", show);
}
