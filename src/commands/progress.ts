export interface Progress {
  end(mark?: string): void;
}

// Loaded only where it draws. A terminal of no width (script, some CI) would be drawn on for ever.
const ora = process.stderr.isTTY && process.stderr.columns > 0 ? (await import('ora')).default : undefined;

/** A line on stderr while something takes time: a spinner on a terminal, nothing elsewhere. `end` is harmless when repeated. */
export const progress = (text: string): Progress => {
  const spinner = ora?.({ text, stream: process.stderr, discardStdin: false }).start();
  let over = false;
  return {
    end: (mark) => {
      if (over) return;
      over = true;
      spinner?.stop();
      if (mark !== undefined) process.stderr.write(`${mark} ${text}\n`);
    },
  };
};
