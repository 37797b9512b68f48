/** The text, cut to a number of UTF-16 units; never in the middle of a surrogate pair, and an ellipsis shows the cut. */
export function limitText(text: string, maxLength: number): string {
  if (text.length <= maxLength) return text;
  const end = maxLength - 1;
  const splitsPair = /[\uD800-\uDBFF]/.test(text.charAt(end - 1));
  return text.slice(0, splitsPair ? end - 1 : end) + '…';
}
