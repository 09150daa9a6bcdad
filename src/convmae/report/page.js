"use strict";

// A value as text: a percentage, or four digits.
function say(value, percent) {
  if (percent) return (value * 100).toFixed(Math.abs(value) < 0.0995 ? 1 : 0) + " %";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return String(Number(value.toPrecision(size >= 1e4 ? 6 : 4)));
}

// Index of the x nearest to `x` in an ascending list.
function nearest(list, x) {
  let low = 0, high = list.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < x) low = middle + 1; else high = middle;
  }
  return low > 0 && x - list[low - 1] < list[low] - x ? low - 1 : low;
}

// Read-out of a chart under the pointer.
for (const chart of document.querySelectorAll(".chart")) {
  const source = chart.querySelector("script");
  if (!source) continue;
  const data = JSON.parse(source.textContent);
  const [width, height, left, right, top, bottom] = data.box;
  const svg = chart.querySelector("svg");
  const hover = svg.querySelector(".hover");
  const readout = chart.querySelector(".readout");
  const [x0, x1] = data.x, [y0, y1] = data.y;
  const px = x => left + (x - x0) / (x1 - x0) * (width - left - right);
  const py = y => top + (height - top - bottom) *
    (1 - (data.log ? Math.log(y / y0) / Math.log(y1 / y0) : (y - y0) / (y1 - y0)));
  const hide = () => { hover.replaceChildren(); readout.hidden = true; };
  const make = (name, attributes) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    hover.append(node);
  };
  const line = (name, text, colour) => {
    const row = document.createElement("div");
    if (colour !== null) {
      const dot = document.createElement("i");
      dot.style.background = "var(--c" + colour + ")";
      row.append(dot);
    }
    row.append(name);
    const value = document.createElement("b");
    value.textContent = text;
    row.append(value);
    if (colour === null) row.className = "where";
    readout.append(row);
  };
  const show = event => {
    const box = svg.getBoundingClientRect();
    const at = (event.clientX - box.left) / box.width * width;
    if (at < left - 8 || at > width - right + 8) return hide();
    const wanted = x0 + (at - left) / (width - left - right) * (x1 - x0);
    hover.replaceChildren();
    readout.replaceChildren();
    // All series are read at the point nearest to the pointer; one that has none near it is left out.
    let x = null;
    for (const s of data.series) {
      const candidate = s.x[nearest(s.x, wanted)];
      if (candidate !== undefined && (x === null || Math.abs(candidate - wanted) < Math.abs(x - wanted))) x = candidate;
    }
    if (x === null) return hide();
    make("path", { d: `M${px(x)} ${top}V${height - bottom}` });
    line(data.label || "x", say(x, false), null);
    for (const s of data.series) {
      const i = nearest(s.x, x);
      if (s.x[i] === undefined || Math.abs(px(s.x[i]) - px(x)) > 12) continue;
      const y = s.y[i];
      line(s.name, y === null ? "not finite" : say(y, data.percent), s.colour);
      if (y !== null) make("circle", { cx: px(s.x[i]), cy: py(y), r: 4, class: "c" + s.colour });
    }
    readout.hidden = false;
    const side = px(x) / width * box.width;
    const flip = side + readout.offsetWidth + 24 > box.width;
    readout.style.left = (flip ? Math.max(0, side - readout.offsetWidth - 12) : side + 12) + "px";
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", hide);
}

// Sequences of pictures: one at a time, with a slider; without script and in print all are shown.
for (const sequence of document.querySelectorAll(".sequence")) {
  const figures = [...sequence.querySelectorAll("figure")];
  if (figures.length < 2) continue;
  const bar = document.createElement("div");
  bar.className = "stepper";
  const slider = document.createElement("input");
  slider.type = "range";
  slider.min = 0;
  slider.max = figures.length - 1;
  slider.setAttribute("aria-label", "picture");
  const label = document.createElement("output");
  const go = index => {
    index = Math.min(figures.length - 1, Math.max(0, index));
    slider.value = index;
    label.textContent = figures[index].dataset.label;
    figures.forEach((figure, i) => figure.classList.toggle("shown", i === index));
  };
  const button = (text, name, step) => {
    const node = document.createElement("button");
    node.type = "button";
    node.textContent = text;
    node.setAttribute("aria-label", name);
    node.addEventListener("click", () => go(Number(slider.value) + step));
    return node;
  };
  slider.addEventListener("input", () => go(Number(slider.value)));
  bar.append(button("\u2039", "previous", -1), slider, button("\u203a", "next", 1), label);
  sequence.prepend(bar);
  sequence.classList.add("stepped");
  go(figures.length - 1);
}
