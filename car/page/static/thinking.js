// What the policy thinks: the advantage of each action over the worst one, as bars. Higher is better; the best is blue.

import { $, makeSvg, signed, write } from "./dom.js";
import { state } from "./link.js";

const BAR = 34, GAP = 8, HEIGHT = 64, LABEL = 18;
const SLOWLY = 0.98; // how fast the scale follows advantages that shrink

let bars = [], actions, largest = 1e-6;

function build() {
  actions = state.actions;
  const width = actions.length * (BAR + GAP), svg = $("bars");
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT + LABEL}`);
  svg.replaceChildren(makeSvg("path", { class: "zero", d: `M0 ${HEIGHT}H${width}` }));
  const levels = new Set(actions.map(([, throttle]) => throttle)).size;
  bars = actions.map(([steering, throttle], n) => {
    const bar = makeSvg("rect", { x: n * (BAR + GAP) + GAP / 2, width: BAR });
    const label = makeSvg("text", { x: n * (BAR + GAP) + GAP / 2 + BAR / 2, y: HEIGHT + LABEL - 3, "text-anchor": "middle" });
    label.textContent = (steering ? signed(steering).replace(/\.?0+$/, "") : "0") + (levels > 1 ? ` ${throttle}` : "");
    svg.append(bar, label);
    return bar;
  });
}

export function showThinking() {
  if (!state.actions?.length) return;
  if (actions !== state.actions) build();
  const worst = Math.min(...state.advantages);
  largest = Math.max(largest * SLOWLY, ...state.advantages.map((one) => one - worst), 1e-6);
  state.advantages.forEach((advantage, n) => {
    const height = Math.max(1, HEIGHT * (advantage - worst) / largest);
    bars[n].setAttribute("y", HEIGHT - height);
    bars[n].setAttribute("height", height);
    bars[n].classList.toggle("best", n === state.action);
  });
  if (state.action !== null) write($("best"), `best: ${signed(state.actions[state.action][0])}`);
}
