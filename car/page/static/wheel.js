// Hands on the wheel: joystick, keys and game pad make one steering and one throttle. A full stick is the car's cap.

import { $, clamp } from "./dom.js";
import { state } from "./link.js";

const KEYS = { ArrowLeft: "left", j: "left", ArrowRight: "right", l: "right", ArrowUp: "up", i: "up", ArrowDown: "down", k: "down" };
const STEERING_PER_S = 4; // how fast the keys turn the wheels
const EDGE_PX = 40; // a thumb need not reach the joystick's border

export const wheel = { angle: 0, throttle: 0, wanted: false }; // wanted: somebody touched something here that drives
let stick = null; // {x, y} while the joystick is held
let pad = null; // {x, y} while a game pad's sticks are in use
const held = new Set(); // directions whose keys are down

/** Nobody holds anything any more. */
export function letGo() { Object.assign(wheel, { angle: 0, throttle: 0 }); stick = pad = null; held.clear(); moveKnob(); }

/** For the game pad: where its sticks are, or null. */
export function padAt(sticks) { pad = sticks; if (sticks) wheel.wanted = true; }

/** Once every `ms`: what the hands want now. */
export function aim(ms) {
  const cap = state.throttle_cap ?? 0, hand = stick ?? pad;
  if (hand) {
    wheel.angle = hand.x;
    wheel.throttle = hand.y * cap;
  } else {
    const wanted = held.has("right") - held.has("left"), step = STEERING_PER_S * ms / 1000;
    wheel.angle = wanted === 0 ? 0 : clamp(wheel.angle + wanted * step, -1, 1);
    wheel.throttle = (held.has("up") - held.has("down")) * cap;
  }
  moveKnob();
}

function moveKnob() {
  const zone = $("joystick"), cap = state.throttle_cap || 1;
  const x = wheel.angle * (zone.clientWidth / 2 - EDGE_PX), y = -(wheel.throttle / cap) * (zone.clientHeight / 2 - EDGE_PX);
  $("knob").style.transform = `translate(${x}px, ${y}px)`;
}

function touched(event) {
  const box = $("joystick").getBoundingClientRect();
  const fraction = (at, from, size) => clamp((at - from - size / 2) / (size / 2 - EDGE_PX), -1, 1);
  stick = { x: fraction(event.clientX, box.left, box.width), y: -fraction(event.clientY, box.top, box.height) };
  wheel.wanted = true;
}

$("joystick").addEventListener("pointerdown", (event) => { $("joystick").setPointerCapture(event.pointerId); touched(event); });
$("joystick").addEventListener("pointermove", (event) => { if (stick) touched(event); });
for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
  $("joystick").addEventListener(end, () => { stick = null; wheel.angle = 0; });

const named = (event) => (event.key.length === 1 ? event.key.toLowerCase() : event.key);

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !(named(event) in KEYS)) return;
  if (event.target.matches?.("input") && event.key.startsWith("Arrow")) return; // a recording's slider
  event.preventDefault();
  held.add(KEYS[named(event)]);
  wheel.wanted = true;
});
addEventListener("keyup", (event) => held.delete(KEYS[named(event)]));
addEventListener("blur", () => { held.clear(); stick = null; });
