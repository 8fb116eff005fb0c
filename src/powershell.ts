// The same evidence from Windows, by PowerShell 5.1 and later over SSH: as Microsoft documents its commands. Not run: nobody here has a Windows.
import type { Key, Vantage } from './evidence.ts';

/** Runs what comes on its stdin, whichever shell the SSH server starts it with, and no longer than a command line may be. */
export const POWERSHELL = 'powershell -NoProfile -NonInteractive -Command "& ([scriptblock]::Create([Console]::In.ReadToEnd()))"';

/** One word of PowerShell text, whatever it holds. */
export const quotePowerShell = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** One script, whose questions are asked one after the other. What a question throws is its complaint, and exit 1. */
export const encodePowerShell = (vantage: Vantage, questions: ReadonlyMap<Key, string>): string =>
  [
    '[Console]::OutputEncoding = [Text.Encoding]::UTF8',
    `${quotePowerShell(`#fabric-evidence/1 ${vantage} `)} + [DateTimeOffset]::UtcNow.ToUnixTimeSeconds()`,
    'function Ask([string]$key, [scriptblock]$question) {',
    '  $code = 0; $said = @(); $complaint = @()',
    '  try { $said = @(& $question) } catch { $code = 1; $complaint = @("$_") }',
    '  "= $key $code"',
    '  foreach ($line in ($said -join "`n" -split "`r?`n")) { if ($line -ne \'\') { "| $line" } }',
    '  foreach ($line in ($complaint -join "`n" -split "`r?`n")) { if ($line -ne \'\') { "! $line" } }',
    '}',
    ...[...questions].map(([key, script]) => `Ask ${quotePowerShell(key)} {\n${script}\n}`),
    "'. end'",
    '',
  ].join('\n');
