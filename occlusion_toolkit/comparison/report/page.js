"use strict";
(() => {
  const contents = JSON.parse(document.getElementById("contents").textContent);
  const { comparison, example, meshes } = contents;
  const byId = (id) => document.getElementById(id);
  const words = (name) => name.replaceAll("_", " ");
  // Plotly reads a little HTML in texts; names must stay names.
  const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const config = { displaylogo: false, responsive: true };
  const font = { family: "DejaVu Sans, system-ui, sans-serif", size: 12, color: "#1c2126" };

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
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
  const probability = (value) => (value === null ? "" : value < 0.001 ? "< 0.001" : value.toFixed(3));
  let column = comparison.columns.length - 1; // of the tables: the mean over joints, unless a joint is asked
  const titled = (name) => {
    const quantity = comparison.quantities.find((one) => one.name === name);
    return quantity ? `${quantity.title} [${quantity.unit}]` : "area over sizes [mm]";
  };

  function header() {
    byId("title").textContent = comparison.models.map((model) => model.name).join(" · ");
    const card = comparison.models[0].card;
    byId("subtitle").textContent =
      `${contents.metric} on ${[card.dataset, card.split].filter(Boolean).join(" ")}: ` +
      `${comparison.frames} samples of ${comparison.sequences} sequences, ` +
      `occluder of ${card.grid.size} px every ${card.grid.stride} px, ${contents.occluder}`;
    byId("explanation").textContent = contents.explanation;
  }

  function tableRow(table, cells, tag) {
    const row = element("tr");
    for (const cell of cells) row.append(typeof cell === "string" ? element(tag, cell) : cell);
    table.append(row);
  }

  function interval(mean, low, high, className, mark = "") {
    const cell = element("td", `${rounded(mean)}${mark} `, className);
    if (low !== null) cell.append(element("span", `[${rounded(low)}, ${rounded(high)}]`, "interval"));
    return cell;
  }

  /** Whether two models differ significantly in a quantity at a column. */
  const differ = (one, other, name, at) => comparison.pairs.some((pair) =>
    pair.first !== pair.second && [one, other].includes(pair.first) && [one, other].includes(pair.second) &&
    pair.differences[name].q[at] !== null && pair.differences[name].q[at] < 0.05);

  function insightSection(insight) {
    const section = element("section");
    section.append(element("h2", insight.title), element("p", insight.text, "small"));
    if (insight.picture) {
      const picture = element("img", undefined, "insight");
      picture.src = insight.picture;
      picture.alt = insight.title;
      section.append(picture);
    }
    if (insight.rows.length) {
      const table = element("table");
      insight.rows.forEach((row, at) => tableRow(table, row, at ? "td" : "th"));
      const details = element("details");
      const scroll = element("div", undefined, "scroll");
      scroll.append(table);
      details.append(element("summary", "numbers"), scroll);
      section.append(details);
    }
    byId("insights").append(section);
  }

  function modelsTable() {
    const table = byId("models");
    table.replaceChildren();
    tableRow(table, ["", ...comparison.models.map((model) => model.name)], "th");
    for (const quantity of comparison.quantities) {
      const found = comparison.models.map((model) => model.quantities[quantity.name]);
      const means = found.map((one) => one.mean[column]);
      const known = means.filter((value) => value !== null);
      const best = Math.min(...known);
      const several = Math.max(...known) > best;
      const winner = several ? comparison.models[means.indexOf(best)].name : null;
      tableRow(table, [
        titled(quantity.name),
        ...found.map((one, index) => {
          const isBest = several && means[index] === best;
          const mark = several && !isBest && differ(comparison.models[index].name, winner, quantity.name, column) ? "*" : "";
          return interval(means[index], one.low[column], one.high[column], isBest ? "best" : "", mark);
        }),
      ], "td");
    }
  }

  function differencesTable(index) {
    const pair = comparison.pairs[index];
    const table = byId("differences");
    table.replaceChildren();
    tableRow(table, [`${pair.first} minus ${pair.second}`, "difference", "p swapped", "p t", "p t frames", "d",
      "first smaller in"], "th");
    const at = (row) => row[column];
    for (const [name, found] of Object.entries(pair.differences)) {
      tableRow(table, [
        titled(name),
        interval(at(found.interval.mean), at(found.interval.low), at(found.interval.high), ""),
        probability(at(found.q)),
        probability(at(found.p_t_sequences)),
        probability(at(found.p_t_frames)),
        rounded(at(found.effect), 2),
        at(found.share_smaller) === null ? "" : `${Math.round(100 * at(found.share_smaller))} % of sequences`,
      ], "td");
    }
  }

  function bars(name) {
    const quantity = comparison.quantities.find((one) => one.name === name);
    const joints = comparison.columns.map(words);
    const traces = comparison.models.map((model, index) => {
      const { mean, low, high } = model.quantities[name];
      return {
        type: "bar", name: plain(model.name), x: joints, y: mean, marker: { color: contents.colours[index] },
        error_y: { type: "data", symmetric: false, thickness: 1, width: 2, color: "#1c2126",
          array: mean.map((value, at) => (high[at] === null ? 0 : high[at] - value)),
          arrayminus: mean.map((value, at) => (low[at] === null ? 0 : value - low[at])) },
        hovertemplate: `%{x}: %{y:.1f} ${quantity.unit}<extra>${plain(model.name)}</extra>`,
      };
    });
    const annotations = joints.flatMap((joint, at) => {
      const order = comparison.models.map((model) => [model.quantities[name].mean[at], model.name]);
      if (order.some(([mean]) => mean === null)) return [];
      order.sort((one, other) => one[0] - other[0]);
      if (!differ(order[0][1], order[order.length - 1][1], name, at)) return [];
      const top = Math.max(...comparison.models.map(({ quantities: { [name]: one } }) => one.high[at] ?? one.mean[at]));
      return [{ x: joint, y: top, text: "*", showarrow: false, yshift: 7, font: { size: 15 } }];
    });
    Plotly.react("bars", traces, {
      font, barmode: "group", margin: { l: 60, r: 10, t: 30, b: 90 }, legend: { orientation: "h", y: 1.12 }, annotations,
      yaxis: { title: { text: quantity.unit === "%" ? titled(name) : `${quantity.title}: ${contents.label}` } },
    }, config);
  }

  function curves(place, x, valuesOf, xTitle, yTitle, shapes = []) {
    const traces = comparison.models.flatMap((model, index) => {
      const { mean, low, high } = valuesOf(model);
      const shared = { x, legendgroup: model.name, line: { color: contents.colours[index], width: 2 } };
      const edge = { ...shared, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
      const band = low[0] === null ? [] : [{ ...edge, y: low },
        { ...edge, y: high, fill: "tonexty", fillcolor: `${contents.colours[index]}2e` }];
      return [...band, { ...shared, y: mean, name: plain(model.name), mode: x.length > 8 ? "lines" : "lines+markers",
        hovertemplate: `%{x}: %{y:.1f}<extra>${plain(model.name)}</extra>` }];
    });
    Plotly.react(place, traces, {
      font, shapes, margin: { l: 60, r: 10, t: 30, b: 50 }, legend: { orientation: "h", y: 1.12 },
      xaxis: { title: { text: xTitle } }, yaxis: { title: { text: yTitle }, rangemode: "tozero" },
    }, config);
  }

  // ---- one image under every window

  const scaleOf = (colours) => colours.map((colour, at) => [at / (colours.length - 1), colour]);
  const diverges = example && example.diverges;
  const swept = {};

  function figureFor(parent, name, className) {
    const figure = element("figure");
    const caption = element("figcaption", name);
    const note = element("span", "", "small");
    caption.append(note);
    const plot = element("div", undefined, className);
    figure.append(caption, plot);
    byId(parent).append(figure);
    return { figure, note, plot };
  }

  function exampleFigures() {
    byId("image").textContent = example.image;
    for (const [name, packed] of Object.entries(example.models)) {
      const parts = figureFor("maps", name, "map");
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", `0 0 ${example.resolution} ${example.resolution}`);
      svg.setAttribute("class", "crop");
      const says = element("p", "", "small");
      parts.figure.append(svg, says);
      swept[name] = { ...parts, svg, says, maps: unpacked(packed.maps), skeletons: unpacked(packed.skeletons),
        worst: packed.worst };
    }
  }

  function line(from, to, colour, width) {
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "line");
    const ends = { x1: from[0], y1: from[1], x2: to[0], y2: to[1], stroke: colour, "stroke-width": width };
    for (const [key, value] of Object.entries(ends)) drawn.setAttribute(key, value);
    drawn.setAttribute("stroke-linecap", "round");
    return drawn;
  }

  function shape(tag, values) {
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(values)) drawn.setAttribute(key, value);
    return drawn;
  }

  function showWindow(name, window) {
    const { svg, says, maps, skeletons } = swept[name];
    const side = example.resolution;
    const [y0, y1, x0, x1] = example.windows[window];
    const place = (joints, joint) => [joints[2 * joint], joints[2 * joint + 1]];
    svg.replaceChildren(
      shape("image", { href: example.crop, width: side, height: side }),
      shape("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0, stroke: "#fff", "stroke-width": 1,
        fill: example.paint ?? "#808080", "fill-opacity": example.paint ? 1 : 0.75 }),
    );
    for (const [joints, colours] of [[skeletons[0], ["#ffffff", "#8fa9cf"]],
      [skeletons[1 + window], ["#ffffff", "#c8553d"]]]) {
      for (const [width, colour] of [[4, colours[0]], [2.4, colours[1]]]) {
        for (const [one, other] of example.bones) {
          svg.append(line(place(joints, one), place(joints, other), colour, width));
        }
      }
    }
    const joint = byId("joint").selectedIndex;
    says.textContent =
      `rows ${y0}-${y1}, columns ${x0}-${x1}: ${words(example.joints[joint])} ` +
      `${rounded(maps[joint][window])} mm`;
    says.dataset.window = window;
  }

  function heatmaps(joint) {
    // All models share the scale; few cells far out have the colour of its end, and their number when pointed at.
    const values = Object.values(swept).flatMap((one) => Array.from(one.maps[joint])).sort((one, other) => one - other);
    const [low, high] = [0.025, 0.975].map((share) => values[Math.round(share * (values.length - 1))]);
    const bound = Math.max(Math.abs(low), Math.abs(high));
    const { rows, cols, cells, resolution } = example;
    const xs = Array.from({ length: cols }, (_, at) => (cells[at][2] + cells[at][3]) / 2);
    const ys = Array.from({ length: rows }, (_, at) => (cells[at * cols][0] + cells[at * cols][1]) / 2);
    for (const [name, one] of Object.entries(swept)) {
      const map = one.maps[joint];
      const z = Array.from({ length: rows }, (_, at) => Array.from(map.subarray(at * cols, (at + 1) * cols)));
      const trace = {
        type: "heatmap", x: xs, y: ys, z, opacity: 0.62, xgap: 0, ygap: 0,
        zmin: diverges ? -bound : low, zmax: diverges ? bound : high,
        colorscale: scaleOf(diverges ? contents.diverging : contents.sequential),
        colorbar: { title: { text: "mm" }, thickness: 10, len: 0.9 },
        hovertemplate: "%{z:.1f} mm<extra></extra>",
      };
      const layout = {
        font, margin: { l: 6, r: 6, t: 6, b: 6 },
        xaxis: { range: [0, resolution], visible: false, constrain: "domain" },
        yaxis: { range: [resolution, 0], visible: false, scaleanchor: "x", constrain: "domain" },
        images: [{ source: example.crop, xref: "x", yref: "y", x: 0, y: 0, sizex: resolution, sizey: resolution,
          sizing: "stretch", layer: "below" }],
      };
      Plotly.react(one.plot, [trace], layout, config);
      one.note.textContent = `${rounded(Math.min(...map), 0)}–${rounded(Math.max(...map), 0)} mm`;
      if (!one.plot.dataset.listens) {
        one.plot.dataset.listens = "yes";
        one.plot.on("plotly_hover", (event) => {
          const [row, col] = event.points[0].pointIndex ?? event.points[0].pointNumber;
          for (const other of Object.keys(swept)) showWindow(other, row * cols + col);
        });
        one.shown = one.worst;
      }
      showWindow(name, Number(one.says.dataset.window ?? one.worst));
    }
  }

  // ---- meshes

  const GREY = "#bdbdbd";
  const views = {};

  function meshFigures(what) {
    byId("meshes").replaceChildren();
    for (const name of Object.keys(views)) delete views[name];
    for (const name of Object.keys(meshes[what])) {
      const packed = meshes[what][name];
      views[name] = { ...figureFor("meshes", name, "mesh"),
        values: unpacked(what === "models" ? packed : packed.values),
        significant: what === "models" ? null : unpacked(packed.significant),
        limits: what === "models" ? null : packed.limit };
    }
    byId("grey").textContent = what === "models" ? "seen in no image" : "difference not significant";
  }

  function coloured(view, row, low, high, colours) {
    return Array.from(view.values[row], (value, vertex) => {
      if (Number.isNaN(value) || (view.significant && view.significant[row][vertex] < 0.5)) return GREY;
      const share = Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
      return colours[Math.round(share * (colours.length - 1))];
    });
  }

  function drawMeshes() {
    const row = byId("row").selectedIndex;
    const what = byId("what").value;
    const colours = what === "models" ? contents.sequential : contents.diverging;
    let [low, high] = meshes.limits[row];
    if (what === "differences") {
      high = Math.max(...Object.values(views).map((view) => view.limits[row]));
      low = -high;
    }
    const vertices = unpacked(meshes.vertices);
    const faces = unpacked(meshes.faces, Int32Array);
    const axis = { visible: false };
    for (const view of Object.values(views)) {
      const texts = Array.from(view.values[row], (value) => (Number.isNaN(value) ? "seen in no image" : `${rounded(value)} mm`));
      // The body's axes are x left, y up, z front; plotly's z points up.
      const mesh = {
        type: "mesh3d", x: vertices.map((v) => v[0]), y: vertices.map((v) => -v[2]), z: vertices.map((v) => v[1]),
        i: faces.map((f) => f[0]), j: faces.map((f) => f[1]), k: faces.map((f) => f[2]),
        vertexcolor: coloured(view, row, low, high, colours), text: texts, hoverinfo: "text",
        lighting: { ambient: 0.75, diffuse: 0.35, specular: 0.02 }, flatshading: false,
      };
      const bar = {
        type: "scatter3d", mode: "markers", x: [0], y: [0], z: [0], hoverinfo: "skip", showlegend: false,
        marker: { size: 0.01, color: [low], cmin: low, cmax: high, colorscale: scaleOf(colours),
          colorbar: { title: { text: "mm" }, thickness: 10, len: 0.7 } },
      };
      const camera = view.plot.layout?.scene?.camera ?? { eye: { x: 0, y: -2.3, z: 0.1 } };
      Plotly.react(view.plot, [mesh, bar], {
        font, margin: { l: 0, r: 0, t: 0, b: 0 },
        scene: { aspectmode: "data", xaxis: axis, yaxis: axis, zaxis: axis, camera },
      }, config);
      const finite = Array.from(view.values[row]).filter((value) => !Number.isNaN(value));
      view.note.textContent = `${rounded(Math.min(...finite), 0)}…${rounded(Math.max(...finite), 0)} mm`;
      if (!view.turns) {
        view.turns = true;
        view.plot.on("plotly_relayout", (change) => {
          if (change["scene.camera"]) turnOthers(view, change["scene.camera"]);
        });
      }
    }
  }

  let turning = false; // relayout answers with the event that called it

  function turnOthers(turned, camera) {
    if (turning) return;
    turning = true;
    const others = Object.values(views).filter((view) => view !== turned);
    Promise.all(others.map((view) => Plotly.relayout(view.plot, { "scene.camera": camera })))
      .finally(() => { turning = false; });
  }

  function protocols() {
    for (const model of comparison.models) {
      const details = element("details");
      details.append(element("summary", `${model.name}: protocol ${contents.hashes[model.name]}`));
      details.append(element("pre", JSON.stringify(model.card, null, 2)));
      byId("protocols").append(details);
    }
    for (const line of comparison.exceptions) {
      byId("protocols").append(element("p", `allowed difference: ${line}`, "small"));
    }
  }

  header();
  menu("column", comparison.columns.map((joint, at) => [at, words(joint)]), (at) => {
    column = Number(at);
    modelsTable();
    differencesTable(byId("pair").selectedIndex);
  });
  byId("column").selectedIndex = column;
  modelsTable();
  menu("pair", comparison.pairs.map((pair, at) => [at, `${pair.first} − ${pair.second}`]), differencesTable);
  differencesTable(0);
  menu("quantity", comparison.quantities.map((one) => [one.name, `${one.title}: ${one.definition}`]), bars);
  byId("quantity").value = "occluded";
  bars("occluded");
  curves("failures", comparison.thresholds_mm, (model) => model.failure_curve, contents.label,
    "windows with a larger value [%]", [{ type: "line", yref: "paper", y0: 0, y1: 1,
      x0: comparison.failure_mm, x1: comparison.failure_mm, line: { color: "#646c75", width: 1, dash: "dot" } }]);
  if (comparison.sizes_px.length) {
    curves("sizecurve", comparison.sizes_px, (model) => model.size_curve, "side of the occluder [px]",
      `mean ${contents.label}`);
  } else byId("sizes").remove();
  if (comparison.models[0].quantities.occluded.low[0] === null) byId("marks").remove();
  if (example) {
    exampleFigures();
    menu("joint", example.joints.map((joint, at) => [at, words(joint)]), (at) => heatmaps(Number(at)));
    byId("joint").selectedIndex = example.joints.length - 1;
    heatmaps(example.joints.length - 1);
  } else byId("example").remove();
  if (meshes) {
    meshFigures("models");
    menu("row", meshes.rows.map((joint) => [joint, words(joint)]), drawMeshes);
    byId("row").selectedIndex = meshes.rows.length - 1;
    byId("what").addEventListener("change", (event) => { meshFigures(event.target.value); drawMeshes(); });
    drawMeshes();
  } else byId("body").remove();
  for (const insight of contents.insights) insightSection(insight);
  protocols();
  document.body.dataset.ready = "yes";
})();
