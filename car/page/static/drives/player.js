// A recording as a film that can be wound: the frames as they were recorded, who steered drawn in; below, the steering
// of the whole drive. Frames that a slow link cannot bring in time are left out.

import { arc } from "../arc.js";
import { clamp, make, makeSvg, signed, write } from "../dom.js";

const WIDTH = 600, HEIGHT = 60, TICK_MS = 25;
const SPEEDS = [1, 2, 4];

/** In `stage`: plays at once. source: image name -> address; judged: the policy's steering, by index, or null. */
export function play(stage, timeline, source, judged) {
  const { t_s, angle, throttle, mode, image, index } = timeline, last = t_s.length - 1;
  if (last < 0) { stage.replaceChildren(make("p", {}, "it has no frames")); return { close() { stage.replaceChildren(); } }; }
  const policy = new Map(judged ? judged.index.map((at, n) => [at, judged.steering[n]]) : []);
  const picture = make("img", { alt: "frame of the recording", width: 160, height: 120 });
  const arcs = makeSvg("svg", { viewBox: "0 0 160 120", "aria-hidden": "true" });
  const human = makeSvg("path", { class: "told" }), pilot = makeSvg("path", { class: "policy" });
  arcs.append(pilot, human);
  const slider = make("input", { type: "range", min: 0, max: last, value: 0, "aria-label": "place in the recording" });
  const pause = make("button", {}, "Pause"), speed = make("button", {}, "1×"), close = make("button", {}, "Close"), now = make("p", { class: "now" });
  const curve = drawCurves(t_s, angle, index.map((at) => policy.get(at) ?? null));
  stage.replaceChildren(make("div", { class: "film" }, picture, arcs), now, curve.svg, slider, make("div", { class: "buttons" }, pause, speed, close));

  let at = 0, at_s = t_s[0], running = true, factor = 1, loading = false;
  function show(n) {
    at = n;
    if (!loading) { loading = true; picture.src = source(image[n]); }
    human.setAttribute("d", angle[n] === null ? "" : arc(angle[n]));
    pilot.setAttribute("d", policy.has(index[n]) ? arc(policy.get(index[n])) : "");
    const theirs = policy.has(index[n]) ? `   policy ${signed(policy.get(index[n]))}` : "";
    write(now, `${t_s[n].toFixed(1)} s   ${mode[n] ?? ""}   ${angle[n] === null ? "" : `steering ${signed(angle[n])}   `}throttle ${signed(throttle[n] ?? 0)}${theirs}`);
    slider.value = n;
    curve.cursor.setAttribute("d", `M${WIDTH * n / (last || 1)} 0V${HEIGHT}`);
  }
  picture.onload = picture.onerror = () => { loading = false; };
  const timer = setInterval(() => {
    if (!running) return;
    at_s += factor * TICK_MS / 1000;
    let n = at;
    while (n < last && t_s[n + 1] <= at_s) n++;
    if (n === last) { n = 0; at_s = t_s[0]; }
    if (n !== at) show(n);
  }, TICK_MS);
  slider.oninput = () => { at_s = t_s[slider.value]; show(clamp(Number(slider.value), 0, last)); };
  pause.onclick = () => { running = !running; write(pause, running ? "Pause" : "Play"); };
  speed.onclick = () => { factor = SPEEDS[(SPEEDS.indexOf(factor) + 1) % SPEEDS.length]; write(speed, `${factor}×`); };
  const end = { close() { clearInterval(timer); stage.replaceChildren(); } };
  close.onclick = end.close;
  show(0);
  return end;
}

/** Who steered what over the whole drive, -1 at the bottom: left. */
function drawCurves(t_s, human, policy) {
  const svg = makeSvg("svg", { class: "curves", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const every = Math.max(1, Math.floor(t_s.length / WIDTH)), last = t_s.length - 1 || 1;
  const points = (values) => values.map((value, n) => [n, value]).filter(([n, value]) => value !== null && n % every === 0)
    .map(([n, value]) => `${(WIDTH * n / last).toFixed(1)},${(HEIGHT / 2 * (1 - value)).toFixed(1)}`).join(" ");
  const cursor = makeSvg("path", { class: "cursor" });
  svg.append(makeSvg("path", { class: "zero", d: `M0 ${HEIGHT / 2}H${WIDTH}` }), makeSvg("polyline", { class: "told", points: points(human) }),
    makeSvg("polyline", { class: "policy", points: points(policy) }), cursor);
  return { svg, cursor };
}
