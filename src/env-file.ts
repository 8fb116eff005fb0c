// What a line `NAME=value` of an env file can carry. Values stand there bare: podman and docker take quotes for a part of the value.

/** Bytes. podman's and docker's readers end at a line of 64 KiB (measured: podman 5.4.2; docker's kvfile: "token too long"). */
const LONGEST = 32_768;

/**
 * Why three readers would not all read the value back exactly, or `null` where they do: podman's `--env-file` (which a Quadlet's
 * EnvironmentFile= is), docker's, and systemd's EnvironmentFile=. All that is said was measured (test/e2e/secrets.test.ts): podman
 * 5.4.2, docker CLI 29.9.3, systemd 257. `#`, `$`, `;`, a quote within, blanks within and Unicode are the same to all three.
 */
export const uncarried = (value: string): string | null => {
  if (value.length === 0) return 'its value is empty';
  if (value.includes('\0')) return 'its value holds a NUL byte, which an env file cannot carry';
  if (/[\n\r]/.test(value)) return 'its value has more than one line, which an env file cannot carry';
  if (Buffer.byteLength(value) > LONGEST) return 'its value is longer than 32 KiB, which an env file cannot carry';
  if (/^["']/.test(value)) return 'its value begins with a quote, which systemd’s reader of env files takes off';
  if (value.includes('\\')) return 'its value holds a backslash, which systemd’s reader of env files takes for the beginning of an escape';
  if (/^[ \t]|[ \t]$/.test(value)) return 'its value begins or ends with a blank, which systemd’s reader of env files cuts off';
  // Half a pair, U+FFFE and its like (systemd drops the line), and U+FFFD: what is left of bytes that were no UTF-8.
  if (/[\p{Surrogate}\p{Noncharacter_Code_Point}\u{fffd}]/u.test(value)) return 'its value is not text (UTF-8)';
  return null;
};
