// Strip charts of the last ten seconds: every frame the car took, not only those of which this page was told in time.

import { make, makeSvg, signed, write } from "./dom.js";
import { state, trace } from "./link.js";

const SPAN_S = 10, WIDTH = 300, HEIGHT = 48;
const LATENCY_MS = 50; // what the chart shows at least
const [T, STEERING, THROTTLE, LATENCY] = [0, 1, 2, 3]; // places in a moment of the trace

const charts = {
  steering: { of: STEERING, range: () => [-1, 1], words: (last) => `${signed(last)}  (− left, + right)` },
  throttle: { of: THROTTLE, range: () => [-(state.throttle_cap || 1), state.throttle_cap || 1], words: (last) => signed(last) },
  latency: { of: LATENCY, range: () => [0, Math.max(LATENCY_MS, worst())],
    words: (last) => `${last.toFixed(1)} ms, at worst ${worst().toFixed(0)}` },
};

for (const [name, chart] of Object.entries(charts)) {
  const line = makeSvg("polyline"), zero = makeSvg("path", { class: "zero" });
  const svg = makeSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(zero, line);
  const value = make("span", { class: "value" });
  const title = name === "latency" ? "frame to pulse" : name;
  document.querySelector(`[data-chart="${name}"]`).append(make("p", {}, make("span", {}, title), value), svg);
  Object.assign(chart, { line, zero, value });
}

function worst() { return trace.reduce((most, moment) => Math.max(most, moment[LATENCY]), 0); }

export function showCharts() {
  if (!trace.length) return;
  const end = trace.at(-1)[T];
  for (const { of, range, words, line, zero, value } of Object.values(charts)) {
    const [low, high] = range(), y = (v) => HEIGHT - 2 - (HEIGHT - 4) * (v - low) / (high - low || 1);
    const points = trace.map((m) => `${(WIDTH * (1 - (end - m[T]) / SPAN_S)).toFixed(1)},${y(m[of]).toFixed(1)}`);
    line.setAttribute("points", points.join(" "));
    zero.setAttribute("d", `M0 ${y(0)}H${WIDTH}`);
    write(value, words(trace.at(-1)[of]));
  }
}
