"use strict";
/* Shows one theme at a time with its legend, and the overlays. All text that comes from data is set
   with textContent or as a DOM property, never as markup. */
function hotspotsMap(map) {
  const data = JSON.parse(document.getElementById("hs-data").textContent);
  const words = data.words;
  const narrow = () => window.matchMedia("(max-width: 640px)").matches;
  const panel = document.getElementById("hs-panel");
  const container = map.getContainer();
  const steady = window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  const LONG_VALUE = 24;

  /* Folium gives zoom limits to tile layers only, and there are none. */
  /* The minimum must be an integer: markercluster compares it with integer levels, and with 0.5 it
     never draws a record that is alone at the coarsest of them. */
  map.setMinZoom(0);
  map.setMaxZoom(9);

  L.control.zoom({
    position: "topright",
    zoomInTitle: words["map.zoom_in"],
    zoomOutTitle: words["map.zoom_out"],
  }).addTo(map);
  L.control.fullscreen({
    position: "topright",
    title: words["map.fullscreen"],
    titleCancel: words["map.fullscreen_exit"],
  }).addTo(map);

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function table(rows, className) {
    const made = element("table", "", className);
    rows.forEach(([place, value]) => {
      const [label, depth] = data.labels[place];
      const row = made.insertRow();
      if (depth) row.className = "hs-deep";
      const head = element("th", label);
      head.scope = "row";
      row.appendChild(head);
      /* Long values are below their label: beside it, they would narrow all labels. */
      const below = className === "hs-rows" && value.length > LONG_VALUE;
      if (value && !below) row.appendChild(element("td", value));
      else head.colSpan = 2;
      if (below) {
        const more = made.insertRow();
        more.className = "hs-below";
        more.appendChild(element("td", value)).colSpan = 2;
      }
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

  /* On a narrow page an open popup replaces the notes and the buttons. */
  const popupOpen = (on) => container.classList.toggle("hs-popup-open", on && narrow());
  function show(at, content, stay = false) {
    popupOpen(true);
    const opened = L.popup(Object.assign(popupOptions(), { autoPan: !stay }));
    opened.setLatLng(at).setContent(content).openOn(map);
    if (stay) fit(opened, at);
    popupOpen(true); /* again, since opening it closes the previous one */
  }

  /* Move a popup into the view; Leaflet would move the map instead, and the place out of view. */
  function fit(opened, at) {
    const box = opened.getElement();
    const [left, top] = opened.options.autoPanPaddingTopLeft;
    const [right] = opened.options.autoPanPaddingBottomRight;
    const half = box.offsetWidth / 2;
    const point = map.latLngToContainerPoint(at);
    const x = Math.max(left + half, Math.min(point.x, container.clientWidth - right - half));
    const y = Math.max(point.y, top + box.offsetHeight + TIP_PX);
    opened.setLatLng(map.containerPointToLatLng([x, y]));
  }

  const TIP_PX = 14;
  const popupOptions = () => ({
    maxWidth: narrow() ? Math.min(310, container.clientWidth - 60) : 330,
    /* On a narrow page: the height left by the panel, less the tip, the margins and the top line. */
    maxHeight: Math.max(140, narrow()
      ? container.clientHeight - panel.offsetHeight - 95
      : container.clientHeight - 110),
    autoPanPaddingTopLeft: [narrow() ? 10 : 345, narrow() ? 30 : 10],
    autoPanPaddingBottomRight: narrow() ? [10, panel.offsetHeight + 10] : [55, 30],
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
    style: (feature) => feature.geometry.type === "Point"
      ? { className: "hs-country hs-tiny", fillOpacity: 1, weight: 1.2 }
      : { className: "hs-country", fillOpacity: 0, weight: 0.6 },
    pointToLayer: (feature, at) => L.circleMarker(at, { pane: "hs-countries", radius: 4 }),
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

  function showCountry(id, at, stay = false) {
    const row = data.countries.rows[id];
    const notes = row.notes.map((note) => element("p", note, "hs-flag"));
    show(at, popup(row.name, row.rows, notes), stay);
    mark(id); /* after show(), since opening a popup closes the previous one */
  }
  map.on("popupclose", () => { mark(null); popupOpen(false); });

  /* Location of a country: its largest part, with parts near it, and parts near those, as in an
     archipelago. French Guiana isn't part of the view of France, nor are remote islets. */
  const NEAR = 12, CLOSE = 2, LEAST_SHARE = 1 / 200;
  function mainBounds(layer) {
    if (layer.getLatLng) {
      const at = layer.getLatLng();
      return { view: L.latLngBounds([at]), middle: at };
    }
    const size = (b) => (b.getEast() - b.getWest()) * (b.getNorth() - b.getSouth());
    let parts = layer.getLatLngs().map((part) => L.latLngBounds(part[0] || part));
    parts.sort((a, b) => size(b) - size(a));
    const main = parts.shift();
    const view = L.latLngBounds(main.getSouthWest(), main.getNorthEast());
    const gap = (b) => Math.max(0, b.getWest() - view.getEast(), view.getWest() - b.getEast(),
      b.getSouth() - view.getNorth(), view.getSouth() - b.getNorth());
    const joins = (b) => gap(b) <= (size(b) >= LEAST_SHARE * size(main) ? NEAR : CLOSE);
    for (let near = parts.filter(joins); near.length; near = parts.filter(joins)) {
      near.forEach((b) => view.extend(b));
      parts = parts.filter((b) => !near.includes(b));
    }
    return { view: view, middle: main.getCenter() };
  }

  function goTo(id) {
    if (!id || !shapes[id]) return;
    const place = mainBounds(shapes[id]);
    if (narrow()) open(false);
    map.fitBounds(place.view, Object.assign({ maxZoom: 6, animate: false }, room()));
    showCountry(id, place.middle, true);
  }

  /* Each typed letter selects another country. The map is updated after a pause, since drawing
     every one of them would interrupt typing on slow machines. */
  const chooser = document.getElementById("hs-country");
  const PAUSE_MS = 400;
  let typed = 0;
  let waiting;
  chooser.addEventListener("keydown", () => { typed = Date.now(); });
  chooser.addEventListener("change", () => {
    clearTimeout(waiting);
    const typing = Date.now() - typed < PAUSE_MS;
    if (typing) waiting = setTimeout(() => goTo(chooser.value), PAUSE_MS);
    else goTo(chooser.value);
  });

  /* Hot patches */
  const patches = L.geoJSON(data.patches.shapes, {
    pane: "hs-patches",
    style: (feature) => ({ color: feature.properties.colour, weight: 1.2, fillOpacity: 0.08 }),
    onEachFeature: (feature, layer) => {
      const patch = feature.properties;
      const content = () => popup(words["patch.heading"], patch.rows, [element("p", patch.title)]);
      layer.bindTooltip(content, { sticky: true, className: "hs-tip" });
      layer.on("click", (event) => show(event.latlng, content()));
    },
  });

  /* Records */
  function recordPopup(record) {
    const extra = [element("p", words["record.recorded"])];
    if (record.web && /^https?:\/\//i.test(record.web)) {
      const line = element("p", words["record.web"] + words["format.colon"]);
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
      marker.on("click", () => show(record.at, recordPopup(record)));
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
    if (wide && narrow()) map.closePopup();
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

  const rasters = Object.fromEntries(Object.entries(data.rasters).map(([key, image]) =>
    [key, L.imageOverlay(image.url, image.bounds, { alt: image.alt, pane: "hs-raster" })]));
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
  map.attributionControl.setPrefix('<a href="https://leafletjs.com" target="_blank" rel="noopener noreferrer">Leaflet</a>');
  map.attributionControl.addAttribution(element("span", words["notice.short"]).outerHTML +
    element("span", " " + words["notice.short_areas"], "hs-wide").outerHTML);
  map.fitBounds(data.bounds, Object.assign({ animate: false }, room()));

  /* Number of records in the part of the map that the panel doesn't cover. */
  const inView = document.getElementById("hs-in-view");
  function countInView() {
    const { paddingTopLeft: [left, top], paddingBottomRight: [right, bottom] } = room();
    const size = map.getSize();
    const seen = L.bounds([left, top], [size.x - right, size.y - bottom]);
    const count = data.records.points.filter((r) => seen.contains(map.latLngToContainerPoint(r.at))).length;
    inView.textContent = words["record.in_view"].replace("#", count);
  }
  if (data.records && inView) {
    map.on("moveend resize", countInView);
    countInView();
  }
}
