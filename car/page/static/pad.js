// A game pad at this browser, as the browser lays it out ("standard"): the left stick steers, the right one is the throttle.

import { $, write } from "./dom.js";
import { padAt } from "./wheel.js";

const DEAD = 0.1; // sticks do not come back to the very middle
const BUTTONS = { 0: "stop", 3: "stop", 1: "record", 9: "arm", 8: "mode" }; // as on donkeycar's ps4: cross, circle, options, share

let before = new Map(); // which buttons were down, by pad
let used = null; // the index of the pad in use

const beyond = (value) => (Math.abs(value) < DEAD ? 0 : Math.sign(value) * (Math.abs(value) - DEAD) / (1 - DEAD));

/** Reads all pads; calls acts.stop, .record, .arm or .mode for each button pressed since the last time. */
export function readPads(acts) {
  const pads = [...navigator.getGamepads()].filter((one) => one && one.connected);
  const known = pads.filter((one) => one.mapping === "standard");
  write($("pad"), known.length ? `game pad: ${known[0].id.split("(")[0].trim()}`
    : pads.length ? "this browser does not know the layout of the pad: it is not used" : "");
  if (used !== null && !known.some((one) => one.index === used)) { used = null; padAt(null); acts.gone(); }
  const down = new Map();
  for (const one of known) {
    down.set(one.index, one.buttons.map((button) => button.pressed));
    for (const [button, act] of Object.entries(BUTTONS))
      if (one.buttons[button]?.pressed && before.has(one.index) && !before.get(one.index)[button]) acts[act]();
    const sticks = { x: beyond(one.axes[0]), y: -beyond(one.axes[3]) };
    if (sticks.x || sticks.y) used = one.index;
    if (used === one.index) padAt(sticks);
  }
  before = down;
}
