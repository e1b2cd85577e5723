/**
 * Smallest height from 1 to `top` of which a condition holds that holds of every height above one of which it holds;
 * undefined where it does not even hold of `top`. Asks about log2(top) heights.
 */
export async function firstHeight(
  top: number,
  holds: (height: number) => Promise<boolean>,
): Promise<number | undefined> {
  if (top < 1 || !(await holds(top))) return undefined;
  let below = 0;
  let found = top;
  while (found - below > 1) {
    const middle = Math.floor((below + found) / 2);
    if (await holds(middle)) found = middle;
    else below = middle;
  }
  return found;
}
