/**
 * Indices of the points on the Pareto front, by rising price. A point is not on it if another one is at least as accurate for at most its price, and
 * better in one of the two. Points without a price are not on it.
 */
export function paretoFront(
  points: readonly { readonly accuracy: number; readonly price: number | undefined }[],
): number[] {
  const priced = points.flatMap(({ accuracy, price }, index) =>
    price === undefined ? [] : [{ accuracy, price, index }],
  );
  priced.sort((left, right) => left.price - right.price || right.accuracy - left.accuracy);
  const front: typeof priced = [];
  for (const point of priced) {
    const best = front.at(-1);
    const equal = best?.accuracy === point.accuracy && best.price === point.price;
    if (best === undefined || point.accuracy > best.accuracy || equal) front.push(point);
  }
  return front.map(({ index }) => index);
}
