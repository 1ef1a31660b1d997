// Small drawings in SVG, each with its figures in words.
import { h, svg } from "./dom.js";

/** Return a number short enough to be read at a glance. */
export function short(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  if (size >= 1000) return Math.round(value).toLocaleString();
  return String(Number(value.toPrecision(3)));
}

/** Return a line of values over time, the newest right. */
export function sparkline(values, label) {
  const width = 240;
  const height = 36;
  const top = Math.max(...values, 0);
  const step = width / Math.max(values.length - 1, 1);
  const y = (value) => height - 1 - (top ? (value / top) * (height - 4) : 0);
  const points = values.map((value, at) => `${(at * step).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  return svg(
    "svg",
    { class: "wlr-sparkline", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `${label}; at most ${short(top)}` },
    svg("polygon", { class: "wlr-area", points: `0,${height} ${points} ${width},${height}` }),
    svg("polyline", { class: "wlr-stroke", points, "vector-effect": "non-scaling-stroke" }),
  );
}

const MARGIN = { left: 44, bottom: 18, top: 8, right: 8 };

/** Return how one or two groups of numbers lie: bars for the first, a stepped line for the second. */
export function histogram(found) {
  const width = 640;
  const height = 180;
  const { edges, groups } = found;
  if (!edges.length) return h("p", { class: "wlr-empty" }, "No numbers to draw.");
  const shares = groups.map((group) => group.bins.map((count) => (group.count ? count / group.count : 0)));
  const top = Math.max(...shares.flat(), 1e-9);
  const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const x = (at) => MARGIN.left + (at / (edges.length - 1)) * inner.width;
  const y = (share) => MARGIN.top + inner.height * (1 - share / top);
  const bars = shares[0].map((share, at) =>
    svg("rect", { class: "wlr-bar", x: x(at) + 0.5, width: Math.max(x(at + 1) - x(at) - 1, 0.5), y: y(share), height: y(0) - y(share) },
      svg("title", {}, `${short(edges[at])} to ${short(edges[at + 1])}: ${groups[0].bins[at].toLocaleString()}`)),
  );
  const steps = (shares[1] || []).flatMap((share, at) => [`${x(at)},${y(share)}`, `${x(at + 1)},${y(share)}`]);
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = part * (edges.length - 1);
    const value = edges[0] + part * (edges[edges.length - 1] - edges[0]);
    const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
    return svg("text", { class: "wlr-tick", x: x(at), y: height - 4, "text-anchor": anchor }, short(value));
  });
  const grid = [0, 0.5, 1].map((part) => [
    svg("line", { class: "wlr-gridline", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(part * top), y2: y(part * top) }),
    svg("text", { class: "wlr-tick", x: MARGIN.left - 6, y: y(part * top) + 4, "text-anchor": "end" }, `${short(part * top * 100)}%`),
  ]);
  const words = groups.map((group) => `${group.label}: ${group.count} values, mean ${short(group.mean)}`).join("; ");
  return h(
    "figure",
    { class: "wlr-figure" },
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Histogram of ${found.series}. ${words}` }, grid.flat(), bars,
      steps.length ? svg("polyline", { class: "wlr-step", points: steps.join(" ") }) : null, ticks),
    groups.length > 1
      ? h("figcaption", { class: "wlr-legend" }, h("span", { class: "wlr-key wlr-key-bar", "aria-hidden": "true" }), h("bdi", {}, groups[0].label),
          h("span", { class: "wlr-key wlr-key-step", "aria-hidden": "true" }), h("bdi", {}, groups[1].label))
      : null,
  );
}
