// Text for POSIX shells. Nothing here runs anything.
import { isIPv6 } from 'node:net';

/** One word of shell text, whatever it holds: `it's` becomes `'it'\''s'`. Left bare where a person would leave it bare. */
export const quote = (text: string): string => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** What a terminal must not be sent: control characters other than a new line become visible. Text from hosts is untrusted. */
export const visible = (text: string): string =>
  text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g, (char) =>
    char === '\t' ? '  ' : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );

/** An address as URLs and curl's --resolve have it: IPv6 in brackets. */
export const bracket = (address: string): string => (isIPv6(address) ? `[${address}]` : address);
