// How the car is, in words and numbers.

import { $, list } from "./dom.js";
import { state, trace } from "./link.js";

const RATE_S = 2;

function rate() {
  const end = trace.at(-1)?.[0] ?? 0, recent = trace.filter(([t]) => t > end - RATE_S);
  return recent.length > 1 ? (recent.length - 1) / (recent.at(-1)[0] - recent[0][0]) : 0;
}

function power({ now, before }) {
  return now.length ? `NOW ${now.join(", ")}` : before.length ? `was: ${before.join(", ")}` : "no throttling";
}

function ago({ reason, s_ago }) { return `${reason}, ${s_ago < 100 ? s_ago.toFixed(0) + " s" : (s_ago / 60).toFixed(0) + " min"} ago`; }

export function showNumbers() {
  list($("numbers"), [
    ["frames", `${rate().toFixed(0)} a second, ${state.overruns} late`],
    ["inference", state.inference_ms === null ? "" : `${state.inference_ms.toFixed(1)} ms`],
    ["guardian", state.guardian],
    ["last stop", state.last_stop ? ago(state.last_stop) : "none yet"],
    ["model", state.model ? `${state.model.name} @ ${state.model.sha256.slice(0, 12)}` : ""],
    ["channel", state.model?.channel ?? ""],
    ["power", state.power ? power(state.power) : ""],
    ["messages refused", state.refused ? `${state.refused}` : ""],
  ]);
  $("numbers").classList.toggle("weak", Boolean(state.power?.now.length));
}
