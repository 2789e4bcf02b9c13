// The live pictures, only while somebody can see them; the steering is drawn in here, which costs the car nothing.

import { arc } from "./arc.js";
import { $, write } from "./dom.js";
import { on, state } from "./link.js";

const STREAMS = { picture: "/video", observation: "/policy" };

function watch() { if (!document.hidden) for (const id in STREAMS) $(id).src = `${STREAMS[id]}?${Date.now()}`; }

function rest() { for (const id in STREAMS) $(id).removeAttribute("src"); }

export function showCamera() {
  const pilot = state.pilot_steering;
  $("arcs").querySelector(".told").setAttribute("d", arc(state.steering));
  $("arcs").querySelector(".policy").setAttribute("d", pilot === null ? "" : arc(pilot));
  write($("records"), state.recording || state.num_records ? `${state.recording ? "● " : ""}${state.num_records} records` : "");
  $("records").classList.toggle("live", state.recording);
  write($("note"), state.note || state.reason);
}

/** The camera's first stream is the page's own, which waits for no script; the policy's begins when that shows something. */
function begin() {
  on("open", () => { if ($("observation").src) watch(); });
  if (document.hidden) rest(); else $("observation").src = STREAMS.observation;
}

if (document.readyState === "complete") begin(); else addEventListener("load", begin, { once: true });
document.addEventListener("visibilitychange", () => { if (document.hidden) rest(); else watch(); });
