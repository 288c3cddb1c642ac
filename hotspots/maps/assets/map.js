"use strict";
/* Shows one theme at a time with its legend, and the overlays. All text that comes from data is set
   with textContent or as a DOM property, never as markup. */
function hotspotsMap(map, rasters, data) {
  const words = data.words;
  const narrow = () => window.matchMedia("(max-width: 640px)").matches;
  const panel = document.getElementById("hs-panel");
  const container = map.getContainer();
  const steady = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  /* Folium gives zoom limits to tile layers only, and there are none. */
  map.setMinZoom(0.5);
  map.setMaxZoom(9);

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function table(rows, className) {
    const made = element("table", "", className);
    rows.forEach(([label, value, depth]) => {
      const row = made.insertRow();
      if (depth) row.className = "hs-deep";
      const head = element("th", label);
      head.scope = "row";
      row.appendChild(head);
      if (value) row.appendChild(element("td", value));
      else head.colSpan = 2;
    });
    return made;
  }

  function popup(title, rows, extra) {
    const made = element("div", "", "hs-popup");
    made.appendChild(element("h3", title));
    (extra || []).forEach((node) => made.appendChild(node));
    if (rows.length) made.appendChild(table(rows, "hs-rows"));
    return made;
  }

  const popupOptions = () => ({
    maxWidth: narrow() ? 270 : 330,
    maxHeight: Math.round(container.clientHeight * (narrow() ? 0.42 : 0.7)),
    autoPanPaddingTopLeft: [narrow() ? 10 : 345, narrow() ? 45 : 10],
    autoPanPaddingBottomRight: [10, narrow() ? panel.offsetHeight + 10 : 30],
  });

  /* Panes: land below the raster, outlines above it. */
  [["hs-land", 200], ["hs-raster", 250], ["hs-patches", 420], ["hs-countries", 410]].forEach(
    ([name, z]) => { map.createPane(name).style.zIndex = z; });
  map.getPane("hs-land").style.pointerEvents = "none";

  const polygons = data.countries.shapes.filter((f) => f.geometry.type !== "Point");
  L.geoJSON(polygons, { pane: "hs-land", interactive: false, style: { className: "hs-land" } }).addTo(map);

  /* Countries */
  const shapes = {};
  const countries = L.geoJSON(data.countries.shapes, {
    pane: "hs-countries",
    style: { className: "hs-country", fillOpacity: 0, weight: 0.6 },
    pointToLayer: (feature, at) => L.circleMarker(at, { pane: "hs-countries", radius: 5, className: "hs-country" }),
    onEachFeature: (feature, layer) => {
      const id = feature.properties.id;
      shapes[id] = layer;
      layer.bindTooltip(element("span", data.countries.rows[id].name), { sticky: true, direction: "top" });
      layer.on("click", (event) => showCountry(id, event.latlng));
    },
  });

  let chosen = null;
  function mark(id) {
    [chosen, id].forEach((key) => {
      const path = key && shapes[key] && shapes[key].getElement && shapes[key].getElement();
      if (path) path.classList.toggle("hs-chosen", key === id);
    });
    chosen = id;
  }

  function showCountry(id, at) {
    const row = data.countries.rows[id];
    const notes = row.notes.map((note) => element("p", note, "hs-flag"));
    mark(id);
    L.popup(popupOptions()).setLatLng(at).setContent(popup(row.name, row.rows, notes)).openOn(map);
  }
  map.on("popupclose", () => mark(null));

  /* The largest part tells where a country is: France is not between Paris and Cayenne. */
  function mainBounds(layer) {
    if (layer.getLatLng) return L.latLngBounds([layer.getLatLng()]).pad(1);
    const parts = layer.getLatLngs().map((part) => L.latLngBounds(part[0] || part));
    const size = (b) => (b.getEast() - b.getWest()) * (b.getNorth() - b.getSouth());
    return parts.reduce((a, b) => (size(b) > size(a) ? b : a));
  }

  document.getElementById("hs-country").addEventListener("change", (event) => {
    const id = event.target.value;
    if (!id || !shapes[id]) return;
    const bounds = mainBounds(shapes[id]);
    if (narrow()) open(false);
    map.fitBounds(bounds, Object.assign({ maxZoom: 6, animate: false }, room()));
    showCountry(id, bounds.getCenter());
  });

  /* Hot patches */
  const patches = L.geoJSON(data.patches.shapes, {
    pane: "hs-patches",
    style: (feature) => ({ color: feature.properties.colour, weight: 1.2, fillOpacity: 0.08 }),
    onEachFeature: (feature, layer) => {
      const told = feature.properties;
      const content = () => popup(words["patch.heading"], told.rows, [element("p", told.title)]);
      layer.bindTooltip(content, { sticky: true, className: "hs-tip" });
      layer.on("click", (event) =>
        L.popup(popupOptions()).setLatLng(event.latlng).setContent(content()).openOn(map));
    },
  });

  /* Records */
  function recordPopup(record) {
    const extra = [element("p", words["record.recorded"])];
    if (record.web && /^https?:\/\//i.test(record.web)) {
      const line = element("p", words["record.web"] + ": ");
      const link = element("a", record.web);
      link.href = record.web;
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      line.appendChild(link);
      extra.push(line);
    }
    const made = popup(record.name, [], extra);
    made.appendChild(table(record.rows, "hs-rows hs-words"));
    made.appendChild(element("p", words["notice.no_record"], "hs-small"));
    return made;
  }

  function recordsLayer(points) {
    const group = L.markerClusterGroup({
      showCoverageOnHover: false,
      animate: !steady,
      maxClusterRadius: 36,
      iconCreateFunction: (cluster) => {
        const icon = L.divIcon({ className: "hs-record hs-cluster", html: String(cluster.getChildCount()), iconSize: [30, 30] });
        cluster.options.title = words["record.cluster"].replace("#", cluster.getChildCount());
        cluster.options.alt = cluster.options.title;
        return icon;
      },
    });
    points.forEach((record) => {
      const marker = L.marker(record.at, {
        icon: L.divIcon({ className: "hs-record", html: "", iconSize: [15, 15] }),
        title: record.name,
        alt: record.name,
      });
      marker.on("add", () => marker.getElement().setAttribute("aria-label", record.name));
      marker.on("click", () => L.popup(popupOptions()).setLatLng(record.at).setContent(recordPopup(record)).openOn(map));
      marker.on("keypress", (event) => {
        if (event.originalEvent.key === "Enter") marker.fire("click");
      });
      group.addLayer(marker);
    });
    return group;
  }

  const overlays = { countries: countries, patches: patches };
  if (data.records) overlays.records = recordsLayer(data.records.points);

  /* Panel */
  const toggle = document.getElementById("hs-toggle");
  function open(wide) {
    panel.classList.toggle("hs-closed", !wide);
    toggle.setAttribute("aria-expanded", String(wide));
    document.getElementById("hs-toggle-words").textContent = wide ? words["map.panel_hide"] : words["map.panel_show"];
  }
  toggle.addEventListener("click", () => open(toggle.getAttribute("aria-expanded") !== "true"));
  open(!narrow());
  container.appendChild(panel);
  L.DomEvent.disableClickPropagation(panel);
  L.DomEvent.disableScrollPropagation(panel);
  ["keydown", "keypress", "dblclick", "contextmenu"].forEach((name) => L.DomEvent.on(panel, name, L.DomEvent.stopPropagation));

  let current = null;
  function showTheme(key) {
    if (rasters[current]) map.removeLayer(rasters[current]);
    if (rasters[key]) map.addLayer(rasters[key]);
    current = key;
    panel.querySelectorAll(".hs-legend").forEach((legend) => { legend.hidden = legend.dataset.theme !== key; });
    map.fire("baselayerchange", { name: key, layer: rasters[key] });
  }

  panel.querySelectorAll("input[name=hs-theme]").forEach((input) => {
    input.addEventListener("change", () => showTheme(input.value));
    if (input.checked) showTheme(input.value);
  });
  panel.querySelectorAll("input[name=hs-overlay]").forEach((input) => {
    const show = () => (input.checked ? map.addLayer(overlays[input.value]) : map.removeLayer(overlays[input.value]));
    input.addEventListener("change", show);
    show();
  });

  /* View */
  function room() {
    return narrow()
      ? { paddingTopLeft: [0, 30], paddingBottomRight: [0, panel.offsetHeight] }
      : { paddingTopLeft: [340, 0], paddingBottomRight: [0, 20] };
  }
  container.setAttribute("role", "application");
  container.setAttribute("aria-label", words["map.aria"]);
  map.zoomControl && [["_zoomInButton", "map.zoom_in"], ["_zoomOutButton", "map.zoom_out"]].forEach(([button, word]) => {
    const made = map.zoomControl[button];
    if (made) { made.title = words[word]; made.setAttribute("aria-label", words[word]); }
  });
  map.attributionControl.setPrefix('<a href="https://leafletjs.com" target="_blank" rel="noopener noreferrer">Leaflet</a>');
  map.attributionControl.addAttribution(element("span", words["notice.short"]).outerHTML);
  map.fitBounds(data.bounds, Object.assign({ animate: false }, room()));
}
