// What the parts of the page share. All parts stand in one function, in the order of page.py.
const contents = JSON.parse(document.getElementById("contents").textContent);
const { comparison, example, meshes } = contents;
const byId = (id) => document.getElementById(id);
const words = (name) => name.replaceAll("_", " ");
// Plotly reads a little HTML in texts; names must stay names.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const config = { displayModeBar: false, responsive: true }; // its buttons would be tab stops that nobody sees
const dark = matchMedia("(prefers-color-scheme: dark)");
const ink = () => getComputedStyle(document.body).color;
const modelColours = () => (dark.matches ? contents.colours_dark : contents.colours);

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function shape(tag, values) {
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(values)) drawn.setAttribute(key, value);
  return drawn;
}

function unpacked(packed, Kind = Float32Array) {
  const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
  const values = new Kind(bytes.buffer);
  const width = packed.shape.slice(1).reduce((one, other) => one * other, 1);
  return Array.from({ length: packed.shape[0] }, (_, row) => values.subarray(row * width, (row + 1) * width));
}

function menu(id, entries, changed) {
  const select = byId(id);
  for (const [value, shown] of entries) {
    const option = element("option", shown);
    option.value = value;
    select.append(option);
  }
  select.addEventListener("change", () => changed(select.value));
}

const rounded = (value, digits = 1) => (value === null ? "" : value.toFixed(digits).replace("-", "−"));
const scaleOf = (colours) => colours.map((colour, at) => [at / (colours.length - 1), colour]);

function legend(list, entries) {
  list.replaceChildren(...entries.map(([colour, text]) => {
    const item = element("li");
    const patch = element("span");
    patch.style.background = colour;
    item.append(patch, text);
    return item;
  }));
}

/** Layout of a plot in the colours of the page. */
function layoutOf(more) {
  const line = getComputedStyle(document.documentElement).getPropertyValue("--line").trim();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
    font: { family: "DejaVu Sans, system-ui, sans-serif", size: 12, color: ink() },
    margin: { l: 56, r: 8, t: 12, b: 50 }, dragmode: false,
    ...more, xaxis: { ...axis, ...more.xaxis }, yaxis: { ...axis, ...more.yaxis },
  };
}
