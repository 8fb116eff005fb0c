// The clock, the disk and the HTTPS front: what the recordings do not reach, told by tables.
import { expect, test } from 'vitest';
import type { Check, Report } from '../src/check.ts';
import clock from '../src/checks/host/clock.ts';
import disk from '../src/checks/host/disk.ts';
import front from '../src/checks/litellm/front.ts';
import frontCertificate from '../src/checks/litellm/front-certificate.ts';
import type { Answer, Span } from '../src/evidence.ts';
import { examine, needsOf } from '../src/examine.ts';
import type { Fabric } from '../src/fabric.ts';
import { gateList } from '../src/plan.ts';
import { questionText } from '../src/reproduce.ts';
import { decode, encode } from '../src/wire.ts';
import { fabricOf, SAMPLE, sample } from './sample.ts';

const options = { smoke: false, at: [] };
const ok = (out: string, err = ''): Answer => ({ code: 0, out, err });
const judged = (check: Check, answer: Answer, fabric: Fabric = sample, here: Span | null = { asked: 1000, heard: 1003 }): string => {
  const answers = new Map(needsOf(fabric, [check], options).map(({ key }) => [key, answer]));
  const evidence = { vantage: 'akira', at: 1000, ...(here === null ? {} : { here }), answers };
  const [result] = examine(fabric, [check], [evidence], options, 0).results;
  if (!result || !('findings' in result)) return result?.status ?? 'nothing to judge';
  const lost = 'lost' in result ? result.lost.map(({ why }) => why) : [];
  return [`${result.status}:`, ...result.findings.map(({ saw }) => saw), ...lost].join(' ');
};

test.each<[string, string, string]>([
  ['within the question', '1002\nNTP=yes\nNTPSynchronized=yes', 'pass'],
  ['four seconds ahead', '1007', 'pass'],
  ['five seconds ahead', '1008', 'warn: akira is 5 s ahead of this machine'],
  ['five seconds behind, unkept', '995\nNTP=no\nNTPSynchronized=no', 'warn: akira is 5 s behind this machine, and nothing keeps its clock'],
  ['59 seconds behind', '941', 'warn: akira is 59 s behind this machine'],
  ['a minute behind', '940', 'fail: akira is 60 s behind this machine'],
  ['no time at all', '', 'unknown: clock at akira: not a time: ""'],
  ['a date that knows no +%s', 'Tue Nov 24', 'unknown: clock at akira: not a time: "Tue Nov 24"'],
])('clock: %s', (_, out, expected) => {
  expect(judged(clock, ok(out))).toBe(expected);
});

test('clock: a slow line is no skew; a recording that does not say what time it was here is unknown', () => {
  expect(judged(clock, ok('1090'), sample, { asked: 1000, heard: 1100 })).toBe('pass');
  expect(judged(clock, ok('1002'), sample, null)).toBe('unknown: clock at akira: nobody noted what time it was here');
});

test('a recording keeps our clock beside the host’s; one without it reads as before', () => {
  const evidence = { vantage: 'akira', at: 990, here: { asked: 1000, heard: 1003 }, answers: new Map() };
  expect(encode(evidence, new Map())).toBe('#fabric-evidence/1 akira 990 1000 1003\n. end\n');
  expect(decode(encode(evidence, new Map()))).toEqual(evidence);
  expect(decode('#fabric-evidence/1 akira 990\n. end\n')).toEqual({ vantage: 'akira', at: 990, answers: new Map() });
});

/** KiB and inodes that are free; `mounts` where they differ. */
const rooms = (
  images: readonly [number, string],
  directory: readonly [number, string] = [1e7, '5000000'],
  mounts = ['/a', '/b', '/c'],
): Answer => {
  const one = (name: string, [free, inodes]: readonly [number, string], mount = '/'): string =>
    `= ${name} /somewhere/${name}\nFilesystem     1024-blocks     Used Available Capacity Mounted on\n/dev/my disk   30000000 16000000  ${free}      17% ${mount}\nFilesystem        Inodes  IUsed    IFree IUse% Mounted on\n/dev/vda1       ${inodes === '-' ? '0 0 0 -' : `16777216 300000 ${inodes} 2%`} ${mount}`;
  return ok([one('directory', directory, mounts[0]), one('state', [1e7, '-'], mounts[1]), one('images', images, mounts[2])].join('\n'));
};
const GIB = 1024 ** 2; // in KiB
test.each<[string, Answer, unknown]>([
  ['room for all', rooms([5 * GIB, '100000']), 'pass'],
  ['no limit of files (btrfs)', rooms([5 * GIB, '-']), 'pass'],
  [
    'too little for one more image',
    rooms([3 * GIB, '-']),
    'warn: 3.0 GiB of 28.6 GiB are free on /c, which holds /somewhere/images (podman’s images)',
  ],
  ['too few files for one more image', rooms([9 * GIB, '50000']), expect.stringMatching(/^warn: .*and 50000 files are free on \/c/)],
  ['nothing left', rooms([100_000, '-']), expect.stringMatching(/^fail: 97 MiB of/)],
  ['no file left', rooms([9 * GIB, '12']), expect.stringMatching(/^fail: .*12 files/)],
  ['.env could not be written', rooms([9 * GIB, '-'], [8000, '900']), expect.stringMatching(/^fail: 7 MiB .*\(config\.yaml and \.env\)$/)],
  ['1 GiB is plenty for .env', rooms([9 * GIB, '-'], [GIB, '9000']), 'pass'],
  [
    'all on one disk: one finding',
    rooms([2 * GIB, '-'], [2 * GIB, '-'], ['/', '/', '/']),
    'warn: 2.0 GiB of 28.6 GiB are free on /, which holds /somewhere/images (podman’s images)',
  ],
  ['no podman yet', ok(rooms([1, '-']).out.split('= images')[0] ?? ''), 'pass'],
  ['no df', { code: 127, out: '', err: 'sh: 1: df: not found' }, expect.stringMatching(/^unknown: .*df: not found/)],
  ['half an answer', ok('= directory /x\nFilesystem'), expect.stringMatching(/^unknown: .*not what df says/)],
])('disk: %s', (_, answer, expected) => {
  expect(judged(disk, answer)).toEqual(expected);
});

const fronted = fabricOf(SAMPLE.replace('  image:', '  front: https://llm.example.net:8443/llm/v1/\n  image:'));
test('front: where none is declared there is nothing to ask', () => {
  expect([judged(front, ok('')), judged(frontCertificate, ok(''))]).toEqual(['nothing to judge', 'nothing to judge']);
  expect(fronted.litellm.front).toBe('https://llm.example.net:8443/llm');
  expect(needsOf(fronted, [front], options).map(({ question }) => questionText(question))[0]).toContain(
    'https://llm.example.net:8443/llm/health/liveliness',
  );
});

const U = 'https://llm.example.net:8443/llm';
test.each<[string, Answer, string]>([
  ['alive', ok('"I\'m alive!"\n200'), 'pass'],
  ['another page', ok('<html>router\n200'), `fail: ${U}/health/liveliness: HTTP 200: <html>router`],
  ['no upstream', ok('bad\n502'), `fail: ${U}/health/liveliness: HTTP 502: bad`],
  ['kept to itself', ok('no\n403'), `warn: ${U}/health/liveliness: HTTP 403: no`],
  ['nothing there', { code: 7, out: '\n000', err: '' }, `fail: ${U}/health/liveliness: connection refused`],
  ['a router that does not lead back in', { code: 28, out: '\n000', err: '' }, `unknown: ${U} from akira: no answer in time`],
  ['a name of the outside', { code: 6, out: '\n000', err: '' }, `unknown: ${U} from akira: no such host`],
])('front: %s', (_, answer, expected) => {
  expect(judged(front, answer, fronted)).toBe(expected);
});

const DAY = 86_400;
/** As curl prints it, for a certificate of `life` days that ends in `left` days: the host's clock stands at 1000. */
const shown = (left: number, life = 90, verdict = 0, complaint = ''): Answer => {
  const gmt = (days: number): string =>
    new Date((1000 + days * DAY) * 1000).toUTCString().replace(/^\w+, (\d+) (\w+) (\d+) (.*)$/, '$2 $1 $4 $3');
  const date = (days: number): string => gmt(days).replace(/ GMT (\d+)$/, ' $1 GMT');
  const lines = [`verdict ${verdict}`, `Start date:${date(left - life)}`, `Expire date:${date(left)}`];
  return ok([...lines, 'X509v3 Subject Alternative Name:DNS:a.example.net, IP Address:10.0.0.1'].join('\n'), complaint);
};
test.each<[string, Answer, string]>([
  ['fresh', shown(80), 'pass'],
  ['three weeks left', shown(21), 'pass'],
  ['less', shown(20.5), `warn: the certificate of ${U}: it ends in 20 days`],
  ['a week left', shown(7), `warn: the certificate of ${U}: it ends in 7 days`],
  ['less than that', shown(6.5), `fail: the certificate of ${U}: it ends in 6 days`],
  ['one that lives for six days, fresh', shown(5, 6), 'pass'],
  ['one that lives for six days, overdue', shown(1, 6), `warn: the certificate of ${U}: it ends in 1 days`],
  [
    'ended',
    shown(-2.5, 90, 60, 'curl: (60) SSL certificate problem: certificate has expired\nMore details here'),
    `fail: ${U}: SSL certificate problem: certificate has expired; it is for a.example.net, 10.0.0.1, and it ended 2 days ago`,
  ],
  ['nothing there', ok('verdict 7', 'curl: (7) Failed to connect'), `fail: ${U}: connection refused`],
  ['no TLS there', ok('verdict 35', 'curl: (35) wrong version number'), `fail: ${U}: no TLS`],
  ['no way there', ok('verdict 28', 'curl: (28) Timeout'), `unknown: ${U} from akira: no answer in time`],
  [
    'an old curl that finds it wrong',
    ok('verdict 60', 'curl: (60) SSL certificate problem: self-signed certificate'),
    `fail: ${U}: SSL certificate problem: self-signed certificate`,
  ],
  [
    'an old curl that finds nothing wrong',
    ok('verdict 0'),
    `unknown: certificate/${U} at akira: curl there cannot describe certificates (it must be 7.88 or newer, with OpenSSL)`,
  ],
])('front-certificate: %s', (_, answer, expected) => {
  expect(judged(frontCertificate, answer, fronted)).toBe(expected);
});

test('what stands is no reason to take a change back', () => {
  const report: Report = {
    at: 0,
    results: [clock, disk, front].map((check) => ({ id: `${check.id}@x`, check, subject: 'x', status: 'pass' })),
  };
  expect(gateList(report, []).must).toEqual([{ id: 'litellm/front@x', atWorst: 'pass' }]);
});
