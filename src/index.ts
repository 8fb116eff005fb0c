// The package, as the modules of a user's `rex/` folder import it: homelab-fabric.
export { type Case, type Check, type CheckId, defineCheck, type Finding, type Options, type ResultId, resultId } from './check.ts';
export { type Answer, type Facts, isLost, type Lost, type Probe, type Question, succeeded, Unreadable, type Vantage } from './evidence.ts';
export type { Backend, Fabric, Host, HostName, Litellm, Model } from './fabric.ts';
export { anyContainer, command, dialled, page, records, standing } from './probes/ask.ts';
export { file } from './probes/file.ts';
export { listeners, resolved } from './probes/network.ts';
export { lastLines, unit } from './probes/unit.ts';
export { onHost } from './reproduce.ts';
export { quote } from './shell.ts';
