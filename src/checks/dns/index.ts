import type { Check } from '../../check.ts';
import acceptDns from './accept-dns.ts';
import answer from './answer.ts';
import cache from './cache.ts';
import certificate from './certificate.ts';
import covered from './covered.ts';
import headscaleLoaded from './headscale-loaded.ts';
import headscalePaths from './headscale-paths.ts';
import headscaleSwitches from './headscale-switches.ts';
import hostsFile from './hosts-file.ts';
import leak from './leak.ts';
import magicDns from './magic-dns.ts';
import netmap from './netmap.ts';
import os from './os.ts';
import outside from './outside.ts';
import record from './record.ts';
import resolvConf from './resolv-conf.ts';
import resolver from './resolver.ts';
import splitDomain from './split-domain.ts';
import userspace from './userspace.ts';

/** In the order of the layers: Headscale, the client, its resolver, the operating system, the application. */
export const dns: readonly Check[] = [
  headscalePaths,
  headscaleLoaded,
  headscaleSwitches,
  record,
  covered,
  netmap,
  userspace,
  acceptDns,
  magicDns,
  resolver,
  answer,
  hostsFile,
  resolvConf,
  splitDomain,
  cache,
  leak,
  os,
  certificate,
  outside,
];
