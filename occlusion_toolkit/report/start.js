// Puts the page together: what there is nothing of is taken out.
function header() {
  byId("title").textContent = contents.title;
  byId("subtitle").textContent = contents.subtitle;
}

function protocols() {
  for (const { name, hash, card } of contents.protocols) {
    const details = element("details");
    const text = element("pre", JSON.stringify(card, null, 2));
    text.tabIndex = 0;
    details.append(element("summary", `${name}: protocol ${hash}`), text);
    byId("protocols").append(details);
  }
  for (const line of contents.exceptions) {
    byId("protocols").append(element("p", `allowed difference: ${line}`, "small"));
  }
}

function sections() {
  const there = { answer: comparison, perjoint: comparison, failurecurve: comparison,
    sizes: comparison && comparison.sizes_px.length, tables: contents.tables.length, example, body: meshes, protocol: true };
  for (const [id, has] of Object.entries(there)) {
    if (!has) { byId(id).remove(); continue; }
    const link = element("a", byId(id).dataset.short);
    link.href = `#${id}`;
    byId("contents-list").append(link);
  }
}

header();
sections();
if (comparison) startNumbers();
plainTables();
if (example) startExample();
if (meshes) startMeshes();
for (const insight of contents.insights) insightSection(insight);
protocols();
dark.addEventListener("change", () => { if (comparison) drawPlots(); });
addEventListener("resize", () => barsDrawn.forEach((values, place) => drawBar(place, values)));
document.body.dataset.ready = "yes";
