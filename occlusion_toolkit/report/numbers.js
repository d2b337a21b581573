// Tables, bars and curves.
const probability = (value) => (value === null ? "" : value < 0.001 ? "< 0.001" : value.toFixed(3));
let column = comparison ? comparison.columns.length - 1 : 0; // of the tables: the mean, unless a joint is asked
const titled = (name) => {
  const quantity = comparison.quantities.find((one) => one.name === name);
  return quantity ? `${quantity.title} [${quantity.unit}]` : "area over sizes [mm]";
};

function tableRow(table, cells, tag) {
  const row = element("tr");
  for (const [at, cell] of cells.entries()) {
    if (typeof cell !== "string") { row.append(cell); continue; }
    // The corner of a table heads nothing.
    const made = element(tag === "th" && cell ? "th" : at === 0 && tag === "td" ? "th" : "td", cell);
    if (made.tagName === "TH") made.scope = tag === "th" ? "col" : "row";
    row.append(made);
  }
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
      ...[probability(at(found.q)), probability(at(found.p_t_sequences)), probability(at(found.p_t_frames)),
        rounded(at(found.effect), 2),
        at(found.share_smaller) === null ? "" : `${Math.round(100 * at(found.share_smaller))} % of sequences`]
        .map((text) => element("td", text)),
    ], "td");
  }
}

function plainTables() {
  for (const { title, columns, rows } of contents.tables) {
    const [scroll, table] = [element("div", undefined, "scroll"), element("table")];
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", title);
    table.append(element("caption", title));
    tableRow(table, columns, "th");
    for (const row of rows) {
      tableRow(table, [row[0], ...row.slice(1).map((text) => element("td", text, /[a-z]/.test(text) ? "words" : ""))], "td");
    }
    scroll.append(table);
    byId("tables").append(scroll);
  }
}

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
    insight.rows.forEach((row, at) => tableRow(table,
      at ? [row[0], ...row.slice(1).map((text) => element("td", text))] : row, at ? "td" : "th"));
    const details = element("details");
    const scroll = element("div", undefined, "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", `Numbers: ${insight.title}`);
    scroll.append(table);
    details.append(element("summary", "numbers"), scroll);
    section.append(details);
  }
  byId("insights").append(section);
}

function bars(name) {
  const quantity = comparison.quantities.find((one) => one.name === name);
  const { order } = contents; // left before right, as in all figures
  const joints = order.map((at) => words(comparison.columns[at]));
  const traces = comparison.models.map((model, index) => {
    const [mean, low, high] = ["mean", "low", "high"].map((row) => order.map((at) => model.quantities[name][row][at]));
    return {
      type: "bar", name: plain(model.name), x: joints, y: mean, marker: { color: modelColours()[index] },
      error_y: { type: "data", symmetric: false, thickness: 1, width: 2, color: ink(),
        array: mean.map((value, at) => (high[at] === null ? 0 : high[at] - value)),
        arrayminus: mean.map((value, at) => (low[at] === null ? 0 : value - low[at])) },
      hovertemplate: `%{x}: %{y:.1f} ${quantity.unit}<extra>${plain(model.name)}</extra>`,
    };
  });
  const annotations = joints.flatMap((joint, place) => {
    const at = order[place];
    const means = comparison.models.map((model) => [model.quantities[name].mean[at], model.name]);
    if (means.some(([mean]) => mean === null)) return [];
    means.sort((one, other) => one[0] - other[0]);
    if (!differ(means[0][1], means[means.length - 1][1], name, at)) return [];
    const top = Math.max(...comparison.models.map(({ quantities: { [name]: one } }) => one.high[at] ?? one.mean[at]));
    return [{ x: joint, y: top, text: "*", showarrow: false, yshift: 7, font: { size: 15 } }];
  });
  byId("bars").setAttribute("aria-label",
    `Bars of ${quantity.title} per joint and model; the table of the models has the numbers of each joint`);
  Plotly.react("bars", traces, layoutOf({ barmode: "group", annotations,
    yaxis: { title: { text: quantity.unit === "%" ? titled(name) : `${quantity.title}: ${contents.label}` } } }), config);
}

function curves(place, x, valuesOf, xTitle, yTitle, shapes = []) {
  const traces = comparison.models.flatMap((model, index) => {
    const colour = modelColours()[index];
    const { mean, low, high } = valuesOf(model);
    const shared = { x, line: { color: colour, width: 2 } };
    const edge = { ...shared, mode: "lines", line: { width: 0 }, hoverinfo: "skip" };
    const band = low[0] === null ? [] : [{ ...edge, y: low },
      { ...edge, y: high, fill: "tonexty", fillcolor: `${colour}2e` }];
    return [...band, { ...shared, y: mean, name: plain(model.name), mode: x.length > 8 ? "lines" : "lines+markers",
      hovertemplate: `%{x}: %{y:.1f}<extra>${plain(model.name)}</extra>` }];
  });
  byId(place).setAttribute("aria-label", `Curves of ${yTitle} over ${xTitle}, one per model`);
  Plotly.react(place, traces, layoutOf({ shapes, xaxis: { title: { text: xTitle } },
    yaxis: { title: { text: yTitle }, rangemode: "tozero" } }), config);
}

function drawPlots() {
  for (const list of document.querySelectorAll("[data-models]")) {
    legend(list, comparison.models.map((model, index) => [modelColours()[index], model.name]));
  }
  bars(byId("quantity").value);
  curves("failures", comparison.thresholds_mm, (model) => model.failure_curve, contents.label,
    "windows with a larger value [%]", [{ type: "line", yref: "paper", y0: 0, y1: 1,
      x0: comparison.failure_mm, x1: comparison.failure_mm, line: { color: "#7d868f", width: 1, dash: "dot" } }]);
  if (comparison.sizes_px.length) {
    curves("sizecurve", comparison.sizes_px, (model) => model.size_curve, "side of the occluder [px]",
      `mean ${contents.label}`);
  }
}

function startNumbers() {
  byId("explanation").textContent = contents.explanation;
  byId("failure").textContent = comparison.failure_mm;
  menu("column", contents.order.map((at) => [at, words(comparison.columns[at])]), (at) => {
    column = Number(at);
    modelsTable();
    differencesTable(byId("pair").selectedIndex);
  });
  byId("column").value = column;
  modelsTable();
  menu("pair", comparison.pairs.map((pair, at) => [at, `${pair.first} − ${pair.second}`]), differencesTable);
  differencesTable(0);
  menu("quantity", comparison.quantities.map((one) => [one.name, `${one.title}: ${one.definition}`]), bars);
  byId("quantity").value = "occluded";
  if (comparison.models[0].quantities.occluded.low[0] === null) byId("marks").remove();
  drawPlots();
}
