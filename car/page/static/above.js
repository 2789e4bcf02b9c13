// The track from above and the laps, where a simulator knows them.

import { $, list, makeSvg } from "./dom.js";
import { state } from "./link.js";

let drawn, car;

function draw({ points_m, width_m }) {
  drawn = state.track;
  const [xs, ys] = [points_m.map(([x]) => x), points_m.map(([, y]) => -y)]; // y points up
  const low = [Math.min(...xs) - width_m, Math.min(...ys) - width_m];
  const size = [Math.max(...xs) + width_m - low[0], Math.max(...ys) + width_m - low[1]];
  $("track").setAttribute("viewBox", [...low, ...size].join(" "));
  const points = xs.map((x, n) => `${x},${ys[n]}`).join(" ");
  const road = makeSvg("polygon", { points, class: "road", "stroke-width": width_m });
  const start = makeSvg("circle", { cx: xs[0], cy: ys[0], r: width_m / 3, class: "start" });
  car = makeSvg("circle", { r: width_m / 2, class: "car" });
  $("track").replaceChildren(road, start, car);
}

export function showTrack() {
  $("above").hidden = !state.track;
  if (!state.track || !state.sim) return;
  if (drawn !== state.track) draw(state.track);
  const { position_m: [x, y], laps, lap_s, best_lap_s, lap_so_far_s, off_roads, offset_m } = state.sim;
  car.setAttribute("cx", x);
  car.setAttribute("cy", -y);
  list($("laps"), [
    ["laps", `${laps}`],
    ["this lap", `${lap_so_far_s.toFixed(1)} s`],
    ["last laps", lap_s.length ? lap_s.slice(-3).map((one) => one.toFixed(1)).join("  ") : "none yet"],
    ["best lap", best_lap_s === null ? "none yet" : `${best_lap_s.toFixed(1)} s`],
    ["from the centre", `${Math.abs(offset_m * 100).toFixed(0)} cm`],
    ["left the road", `${off_roads} times`],
  ]);
}
