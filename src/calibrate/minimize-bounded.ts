export interface Minimum {
  readonly at: number;
  readonly value: number;
}

const GOLDEN_SECTION = 0.5 * (3 - Math.sqrt(5));
const RELATIVE_TOLERANCE = Math.sqrt(2.2e-16);
const ABSOLUTE_TOLERANCE = 1e-5;
const MAX_EVALUATIONS = 500;

/**
 * Brent's minimisation of a scalar function between two bounds: golden sections, and parabolas through the three best points where
 * those promise more (Forsythe, Malcolm, Moler: Computer Methods for Mathematical Computations, `fmin`). Tolerances and the order
 * of decisions are those of scipy.optimize.minimize_scalar(method='bounded'), since on the stepwise functions of quantization
 * the minimum found depends on the path taken.
 */
export function minimizeBounded(f: (x: number) => number, lower: number, upper: number): Minimum {
  let low = lower;
  let high = upper;
  // Three best points so far. They start as one.
  let best = point(low + GOLDEN_SECTION * (high - low));
  let second = best;
  let third = best;
  let step = 0;
  let stepBeforeLast = 0;

  function point(at: number): Minimum {
    return { at, value: f(at) };
  }

  for (let evaluations = 1; evaluations < MAX_EVALUATIONS; evaluations++) {
    const middle = 0.5 * (low + high);
    const tolerance = RELATIVE_TOLERANCE * Math.abs(best.at) + ABSOLUTE_TOLERANCE / 3;
    if (Math.abs(best.at - middle) <= 2 * tolerance - 0.5 * (high - low)) break;

    let parabolic = false;
    if (Math.abs(stepBeforeLast) > tolerance) {
      // The vertex of the parabola through the three points lies p / q from the best one.
      const r = (best.at - second.at) * (best.value - third.value);
      const s = (best.at - third.at) * (best.value - second.value);
      const numerator = (best.at - third.at) * s - (best.at - second.at) * r;
      const denominator = 2 * (s - r);
      const p = denominator > 0 ? -numerator : numerator;
      const q = Math.abs(denominator);
      const limit = stepBeforeLast;
      stepBeforeLast = step;
      // Take it only inside the bounds, and only if steps keep halving.
      if (Math.abs(p) < Math.abs(0.5 * q * limit) && p > q * (low - best.at) && p < q * (high - best.at)) {
        parabolic = true;
        step = p / q;
        const at = best.at + step;
        if (at - low < 2 * tolerance || high - at < 2 * tolerance) step = middle >= best.at ? tolerance : -tolerance;
      }
    }
    if (!parabolic) {
      stepBeforeLast = best.at >= middle ? low - best.at : high - best.at;
      step = GOLDEN_SECTION * stepBeforeLast;
    }

    // Never closer to the best point than the tolerance.
    const length = Math.max(Math.abs(step), tolerance);
    const next = point(best.at + (step >= 0 ? length : -length));
    if (next.value <= best.value) {
      if (next.at >= best.at) low = best.at;
      else high = best.at;
      third = second;
      second = best;
      best = next;
    } else {
      if (next.at < best.at) low = next.at;
      else high = next.at;
      if (next.value <= second.value || second.at === best.at) {
        third = second;
        second = next;
      } else if (next.value <= third.value || third.at === best.at || third.at === second.at) {
        third = next;
      }
    }
  }
  return best;
}
