import { type Probe, succeeded, Unreadable, type Vantage } from '../evidence.ts';
import type { Address } from '../fabric.ts';
import { bracket, quote } from '../shell.ts';

/** What answers TLS at an address under a name. `null`: nothing does, on port 443. */
export interface Met {
  /** What curl has against the certificate; `null`: nothing. */
  readonly against: string | null;
  /** Whom it is for. Empty where curl cannot say (before 7.88, or without OpenSSL). */
  readonly names: readonly string[];
}

const curlAt = (name: string, address: Address): string =>
  `-m 8 --noproxy '*' --resolve ${quote(`${name}:443:${bracket(address)}`)} -o /dev/null ${quote(`https://${name}/`)}`;
export const meetCommand = (name: string, address: Address): string => `curl -qsSI ${curlAt(name, address)}`;

/**
 * Who is at that address, asked for by that name: whatever the name resolves to.
 *
 *   verdict 60
 *   X509v3 Subject Alternative Name:DNS:other.example.net, DNS:example.net
 *   ! curl: (60) SSL: no alternative certificate subject name matches target host name 'mayi.example.net'
 */
export const met = (at: Vantage, name: string, address: Address): Probe<Met | null> => ({
  key: `met/${address}/${name}`,
  question: {
    at,
    via: 'sh',
    seconds: 20,
    // curl.exe is part of Windows since 2018; it cannot print certificates.
    powershell: `$said = curl.exe -qsS ${curlAt(name, address).replace('/dev/null', 'NUL')} 2>&1; "verdict $LASTEXITCODE"; "$said"`,
    script: `curl -qsS ${curlAt(name, address)}; echo "verdict $?"; curl -qsk -w '%{certs}' ${curlAt(name, address)} 2>/dev/null | sed -n '/^X509v3 Subject Alternative Name:/{p;q;}'`,
  },
  read: (answer) => {
    const text = succeeded(answer);
    const verdict = /^verdict (\d+)$/m.exec(text)?.[1];
    if (verdict === undefined) throw new Unreadable('curl gave no verdict');
    if (verdict === '127') throw new Unreadable('curl is not installed there', 'unsupported');
    // curl(1): 7 refused, 28 no answer in time, 35 no TLS
    if (verdict === '7' || verdict === '28' || verdict === '35') return null;
    // 22, 52 and 56: TLS was there, and HTTP was not as it should be.
    if (!['0', '22', '51', '52', '56', '60'].includes(verdict))
      throw new Unreadable(`curl ${verdict}: ${answer.err.trim().split('\n')[0] ?? ''}`);
    const names = (/^X509v3 Subject Alternative Name:(.*)$/m.exec(text)?.[1] ?? '')
      .split(', ')
      .flatMap((one) => /^(?:DNS|IP Address):(.+)$/.exec(one)?.[1] ?? []);
    const bad = verdict === '51' || verdict === '60';
    return { against: bad ? (/^curl: \(\d+\) (.*)$/m.exec(`${answer.err}\n${text}`)?.[1] ?? '') : null, names };
  },
});

/** For people: whom a certificate is for. Those of whole networks of caches have hundreds. */
export const namesText = (names: readonly string[]): string =>
  names.length > 4 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
