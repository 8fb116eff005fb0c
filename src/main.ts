import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { ChangeOptions } from './commands/change.ts';
import type { Shell } from './commands/completion.ts';
import type { DeployDnsOptions } from './commands/deploy-dns.ts';
import type { DoctorOptions } from './commands/doctor.ts';
import type { EvidenceDiffOptions } from './commands/evidence.ts';
import type { ExplainOptions } from './commands/explain.ts';
import type { FixOptions } from './commands/fix.ts';
import type { InitOptions } from './commands/init.ts';
import type { LintCommandOptions } from './commands/lint.ts';
import type { RexOptions, RexRunOptions } from './commands/rex.ts';
import type { DiffOptions } from './commands/secrets-diff.ts';
import type { SyncOptions } from './commands/secrets-sync.ts';
import type { Common } from './commands/session.ts';
import type { StatusOptions } from './commands/status.ts';
import type { ValidateOptions } from './commands/validate.ts';

// Each command loads its own modules when it runs: `fabric --help` loads commander alone.

const VERSION = '0.1.0';
const program = new Command('fabric')
  .exitOverride() // subcommands inherit it: usage errors exit with 2
  .description('Deploys, validates and takes back a LiteLLM fabric at home, over SSH.')
  .version(VERSION)
  .showHelpAfterError('(fabric --help lists everything)')
  .addHelpText(
    'after',
    `
Exit codes: 0 healthy or done, 1 findings (or taken back), 2 usage or configuration, 3 could not reach or check,
4 login needed, 5 locked by another run, 6 changes pending (--dry-run --exit-code), 7 stuck: taking back failed,
130 interrupted.`,
  );

const config = (): Option =>
  new Option('--config <file>', 'fabric.yaml to use (else $FABRIC_CONFIG, upwards from here, ~/.config/fabric, /etc/fabric)');
const format = (): Option => new Option('--format <kind>', 'what to print').choices(['human', 'json']).default('human');
const verbose = (what: string): Option => new Option('-v, --verbose', what).default(false);

/** The options of whatever needs root on a host. */
const becoming = (command: Command): Command =>
  command
    .addOption(new Option('--ask-become-pass', "ask for sudo's password, for hosts whose sudo wants one").conflicts('becomePassFile'))
    .option('--become-pass-file <file>', "read sudo's password from a file that you alone may read, or - for standard input");

/** A day at most: a longer timer would go off at once. */
const seconds = (text: string): number => {
  const number = Number(text);
  if (!(number > 0 && number <= 86_400)) throw new InvalidArgumentError('It must be a number of seconds, at most a day.');
  return number;
};

const finish = async (running: Promise<number>): Promise<void> => {
  process.exitCode = await running;
};

/** The options that every change takes. */
const changing = (command: Command): Command =>
  becoming(command.addOption(config()))
    .option('--dry-run', 'show the plan, change nothing', false)
    .option('--exit-code', 'with --dry-run: exit 6 when there is something to change', false)
    .option('-y, --yes', 'apply without asking', false)
    .addOption(format())
    .addOption(verbose('also show the scripts that each step runs'));

const litellm = (parent: Command, summary: string): Command => changing(parent.command('litellm').description(summary));

const deploying = program.command('deploy').description('Make a host as declared: plan, confirm, apply, gate, keep or take back');
changing(
  deploying.command('dns').description('The names of dns: in Headscale, and clients that ask for them; only what is needed restarts'),
)
  .addOption(
    new Option(
      '--remedy <way>',
      "how clients are made to ask: split, for the declared names alone; override, override_local_dns: true, for all names and instead of the clients' own resolvers",
    )
      .choices(['split', 'override'])
      .default('split'),
  )
  .action((options: DeployDnsOptions) => finish(import('./commands/deploy-dns.ts').then(({ deployDns }) => deployDns(options))));
litellm(deploying, 'Deploy LiteLLM').action((options: ChangeOptions) =>
  finish(import('./commands/deploy.ts').then(({ deploy }) => deploy(options))),
);
litellm(
  program.command('rollback').description('Go back to the release before'),
  'Roll LiteLLM back: image, config.yaml and .env together',
).action((options: ChangeOptions) => finish(import('./commands/rollback.ts').then(({ rollback }) => rollback(options))));
litellm(program.command('remove').description('Take away what was deployed'), 'Remove LiteLLM from its host').action(
  (options: ChangeOptions) => finish(import('./commands/remove.ts').then(({ remove }) => remove(options))),
);
const secrets = program.command('secrets').description('Keys: from where they are kept into .env, and into force');
const service = (): Argument => new Argument('[service]', 'whose secrets').default('litellm');
const onHost = (): Option => new Option('--host <host>', 'on that host of fabric.yaml');
changing(secrets.command('sync').description('Make .env hold what the sources hold; LiteLLM is restarted where that changed something'))
  .addArgument(service())
  .addOption(onHost())
  .addOption(new Option('--restart <when>', 'restart LiteLLM where its keys changed, or never').choices(['auto', 'never']).default('auto'))
  .action((name: string, options: SyncOptions) =>
    finish(import('./commands/secrets-sync.ts').then(({ secretsSync }) => secretsSync(name, options))),
  );
becoming(secrets.command('diff').description('Does the source hold what .env and the running process hold? Exit 1 where they differ'))
  .addArgument(service())
  .addOption(config())
  .addOption(onHost())
  .addOption(format())
  .action((name: string, options: DiffOptions) =>
    finish(import('./commands/secrets-diff.ts').then(({ secretsDiff }) => secretsDiff(name, options))),
  );
changing(secrets.command('rotate').description('A new key for LiteLLM, into its source and into force; the old one is shown to be refused'))
  .argument('<name>', 'the name of the secret, as in fabric.yaml')
  .action((name: string, options: ChangeOptions) =>
    finish(import('./commands/secrets-rotate.ts').then(({ secretsRotate }) => secretsRotate(name, options))),
  );
becoming(program.command('validate').description('Is it as declared? Asks each host once, changes nothing'))
  .argument(
    '[target]',
    "a host to look at without a fabric.yaml: user@host, host, user@host:port, user@[IPv6]:port. The plain name of fabric.yaml's own host: as declared there",
  )
  .addOption(config())
  .addOption(format().choices(['human', 'json', 'junit', 'nagios', 'prometheus']))
  .addOption(new Option('--fail-on <severity>', 'exit 1 from this severity on').choices(['fail', 'warn']).default('fail'))
  .option('--smoke', 'also send a completion of one token to backends that cost money', false)
  .option(
    '--at <host>',
    'also ask from that host, or `here`: may it connect, and does it? (repeatable)',
    (name: string, before: readonly string[]) => [...before, name],
    [],
  )
  .addOption(new Option('--quiet', 'for cron: say nothing, unless the exit code is not 0').default(false))
  .addOption(new Option('--changes-only', 'for cron: say only what changed since the last such run').default(false).conflicts('quiet'))
  .addOption(new Option('--timeout <seconds>', 'give up on what has not answered by then').argParser(seconds))
  .option('--record <folder>', 'keep the evidence, redacted, as a new folder')
  .addOption(
    new Option('--from <folder>', 'judge what --record kept, without asking anybody').conflicts([
      'record',
      'smoke',
      'changesOnly',
      'timeout',
    ]),
  )
  .addOption(verbose('also list what passes'))
  .action((target: string | undefined, options: ValidateOptions) =>
    finish(import('./commands/validate.ts').then(({ validate }) => validate(options, target))),
  );
program
  .command('evidence')
  .description('What validate --record kept')
  .command('diff')
  .description('What two recordings say differently, verdicts first; exit 1 where they differ')
  .argument('<before>', 'a folder of --record')
  .argument('<after>', 'another one')
  .addOption(format())
  .action((before: string, after: string, options: EvidenceDiffOptions) =>
    finish(import('./commands/evidence.ts').then(({ evidenceDiff }) => evidenceDiff(before, after, options))),
  );
becoming(
  program
    .command('doctor')
    .description('What is wrong, and why: root causes first, with their echoes. Asks each host once, changes nothing'),
)
  .argument(
    '[subject...]',
    'what to look at: litellm, dns, caddy, n8n, tailnet, host, rex (your own); all when none is named. After dns, some of its names alone',
  )
  .addOption(config())
  .addOption(format())
  .addOption(new Option('--fail-on <severity>', 'exit 1 from this severity on').choices(['fail', 'warn']).default('fail'))
  .option('--smoke', 'also send a completion of one token to backends that cost money', false)
  .addOption(new Option('--timeout <seconds>', 'give up on what has not answered by then').argParser(seconds))
  .option('--record <folder>', 'keep the evidence, redacted, as a new folder')
  .option(
    '--at <host>',
    'of dns: ask from that host, or `here`, instead of those of dns.from (repeatable)',
    (name: string, before: readonly string[]) => [...before, name],
    [],
  )
  .addOption(new Option('--watch [seconds]', 'of dns: look again and again, and say what changed').argParser(seconds).preset('5'))
  .addOption(verbose('also list what passes'))
  .action((subjects: readonly string[], options: DoctorOptions) =>
    finish(import('./commands/doctor.ts').then(({ doctor }) => doctor(subjects, options))),
  );
changing(program.command('fix').description("Mend what doctor found: one plan of the findings' own steps, gated by the same checks"))
  .argument('[id...]', 'checks, results (check@subject) or REX ids')
  .option('--all', 'everything that can be mended without a person', false)
  .option('--undo', 'take the last fix back', false)
  .action((ids: readonly string[], options: FixOptions) => finish(import('./commands/fix.ts').then(({ fix }) => fix(ids, options))));
const explaining = (command: Command): Command =>
  command
    .argument(
      '<id...>',
      'a check, a result (check@subject), a REX id (`REX-36`, `rex 36`, `36`), or the text of an error; - reads that from standard input',
    )
    .addOption(config())
    .addOption(format())
    .action((words: readonly string[], options: ExplainOptions) =>
      finish(import('./commands/explain.ts').then(({ explain }) => explain(words, options))),
    );
explaining(program.command('explain').description('What is known about a check, a post-mortem or the text of an error; asks nobody'));
const rex = program.command('rex').description('Post-mortems as checks: what there is, whether it is proven, what it found here');
rex
  .command('list')
  .description('Every post-mortem and every check: when it last ran here, when it last fired, and how often it began to')
  .addOption(config())
  .addOption(format())
  .action((options: RexOptions) => finish(import('./commands/rex.ts').then(({ rexList }) => rexList(options))));
explaining(rex.command('show').description('The same as `fabric explain`'));
becoming(rex.command('run').description('Ask the hosts for exactly these checks; changes nothing'))
  .argument('<id...>', 'checks, results (check@subject) or REX ids')
  .addOption(config())
  .addOption(format())
  .addOption(new Option('--fail-on <severity>', 'exit 1 from this severity on').choices(['fail', 'warn']).default('fail'))
  .option('--smoke', 'also send a completion of one token to backends that cost money', false)
  .addOption(new Option('--timeout <seconds>', 'give up on what has not answered by then').argParser(seconds))
  .option('--record <folder>', 'keep the evidence, redacted, as a new folder: a recording for `fabric rex test`')
  .addOption(verbose('also list what passes'))
  .action((ids: readonly string[], options: RexRunOptions) =>
    finish(import('./commands/rex.ts').then(({ rexRun }) => rexRun(ids, options))),
  );
rex
  .command('test')
  .description('Whether each check is red on its recorded incident, green on the fix, and moved by each fact that it asks for; asks nobody')
  .argument('[id...]', 'checks or REX ids; all when none is named')
  .addOption(config())
  .addOption(format())
  .addHelpText('after', '\nExit 1 where a check is not proven.')
  .action((ids: readonly string[], options: RexOptions) =>
    finish(import('./commands/rex.ts').then(({ rexTest }) => rexTest(ids, options))),
  );
rex
  .command('coverage')
  .description('Which entries of a post-mortem document have a check: headings such as `### REX-36 — what happened`')
  .argument('<file>', 'a Markdown file, or - for standard input')
  .addOption(config())
  .addOption(format())
  .addHelpText('after', '\nExit 1 where an entry has none.')
  .action((file: string, options: RexOptions) => finish(import('./commands/rex.ts').then(({ rexCoverage }) => rexCoverage(file, options))));
becoming(program.command('status').description('Everything that fabric keeps on a host'))
  .addOption(config())
  .addOption(format())
  .action((options: StatusOptions) => finish(import('./commands/status.ts').then(({ status }) => status(options))));
becoming(program.command('init').description('Write a fabric.yaml (and a Makefile) here: from a few answers, or from what a host runs'))
  .addOption(
    new Option('--from-host <target>', 'draft it from what runs on user@host, read-only').conflicts([
      'host',
      'user',
      'kind',
      'url',
      'model',
      'alias',
      'image',
    ]),
  )
  .option('--host <address>', "the host's tailnet address or name")
  .option('--user <name>', 'who to connect as (default: what ssh would use)')
  .addOption(new Option('--kind <kind>', 'the backend').choices(['vllm', 'ollama', 'openrouter', 'openai']))
  .option('--url <url>', 'the address of the backend, as the host sees it')
  .option('--model <id>', 'the model, as the backend calls it')
  .option('--alias <name>', 'what clients call the model')
  .option('--image <image>', "LiteLLM's image, pinned")
  .option('--force', 'write fabric.yaml anew where there is one', false)
  .option('--no-makefile', 'write no Makefile')
  .addHelpText('after', '\nOn a terminal it asks for what no flag says; elsewhere it names every flag that is missing.')
  .action((options: InitOptions) => finish(import('./commands/init.ts').then(({ init }) => init(options))));
program
  .command('lint')
  .description('What LiteLLM will make of a config.yaml, offline: it needs no fabric.yaml and asks nobody')
  .argument('<file>', 'the config.yaml, or - for standard input')
  // Not --env-file: Node 20 takes that one for its own, wherever it stands (exit 9, or the file in our own environment).
  .option('--env <file>', 'the environment that LiteLLM gets (KEY=value lines): judges os.environ/NAME and what counts without it')
  .option('--litellm <version>', 'the LiteLLM that will read it (default: the one that all rules were seen with)')
  .addOption(format().choices(['human', 'json', 'sarif']))
  .addOption(new Option('--fail-on <severity>', 'exit 1 from this severity on').choices(['fail', 'warn']).default('fail'))
  .action((file: string, options: LintCommandOptions) =>
    finish(import('./commands/lint.ts').then(({ lint }) => lint(file, options, VERSION))),
  );
program
  .command('completion')
  .description('Print a script that completes fabric on Tab')
  .addArgument(new Argument('<shell>', 'your shell').choices(['bash', 'zsh', 'fish']))
  .addHelpText(
    'after',
    `
bash  in ~/.bashrc:                    eval "$(fabric completion bash)"
zsh   in ~/.zshrc, after compinit:     eval "$(fabric completion zsh)"
fish  in ~/.config/fish/config.fish:   fabric completion fish | source

Or keep it as a file, which costs a new shell nothing; print it anew when fabric is updated:
bash  ~/.local/share/bash-completion/completions/fabric   (with the package bash-completion)
zsh   _fabric, in a folder of $fpath
fish  ~/.config/fish/completions/fabric.fish
Do you call it aifabric? Name the file so: aifabric, _aifabric, aifabric.fish.`,
  )
  .action((shell: Shell) => finish(import('./commands/completion.ts').then(({ completion }) => completion(program, shell))));
program
  .command('hosts', { hidden: true })
  .addOption(config())
  .action((options: Common) => finish(import('./commands/completion.ts').then(({ hosts }) => hosts(options))));

// Whoever reads may have read enough (`| head`): the work goes on, and its exit code tells.
process.stdout.on('error', (error) => {
  if (!('code' in error && error.code === 'EPIPE')) throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  // Help and the version: commander has printed them, and nothing more needs loading.
  if (error instanceof CommanderError && error.exitCode === 0) process.exitCode = 0;
  else process.exitCode = await (await import('./commands/fail.ts')).fail(error);
}
