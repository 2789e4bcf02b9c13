// A steering as the arc of a car at that command, in a picture of 160 x 120; the same as models/pictures.py draws.

const STEPS = 12, REACH = 0.45, BEND = 1.6;

export function arc(steering) {
  const points = [];
  for (let step = 0; step < STEPS; step++) {
    const reach = REACH * step / (STEPS - 1);
    points.push(`${(80 + steering * 160 * BEND * reach * reach).toFixed(1)} ${(119 - 120 * reach).toFixed(1)}`);
  }
  return "M" + points.join("L");
}
