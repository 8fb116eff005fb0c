import type { Check } from '../../check.ts';
import access from './access.ts';
import backendDirect from './backend-direct.ts';
import backendLoopback from './backend-loopback.ts';
import backendModels from './backend-models.ts';
import backendReachable from './backend-reachable.ts';
import backgroundHealthChecks from './background-health-checks.ts';
import completion from './completion.ts';
import configDrift from './config-drift.ts';
import creditRefusals from './credit-refusals.ts';
import enginePrivate from './engine-private.ts';
import envComplete from './env-complete.ts';
import envDistinct from './env-distinct.ts';
import envPlaceholder from './env-placeholder.ts';
import envPrivate from './env-private.ts';
import exposure from './exposure.ts';
import front from './front.ts';
import frontCertificate from './front-certificate.ts';
import healthCalls from './health-calls.ts';
import healthCheckInterval from './health-check-interval.ts';
import hostNetwork from './host-network.ts';
import image from './image.ts';
import imageMoved from './image-moved.ts';
import keyRequired from './key-required.ts';
import liveliness from './liveliness.ts';
import modelsEqual from './models-equal.ts';
import openrouterMaxTokens from './openrouter-max-tokens.ts';
import paidHealthChecks from './paid-health-checks.ts';
import portBound from './port-bound.ts';
import readiness from './readiness.ts';
import secretExpiry from './secret-expiry.ts';
import tailnetAdmitted from './tailnet-admitted.ts';
import unitActive from './unit-active.ts';
import version from './version.ts';

/** In the order in which a person would look. */
export const litellm: readonly Check[] = [
  unitActive,
  image,
  imageMoved,
  version,
  hostNetwork,
  portBound,
  liveliness,
  readiness,
  keyRequired,
  modelsEqual,
  completion,
  healthCheckInterval,
  paidHealthChecks,
  healthCalls,
  backgroundHealthChecks,
  openrouterMaxTokens,
  creditRefusals,
  backendLoopback,
  backendReachable,
  backendModels,
  tailnetAdmitted,
  exposure,
  front,
  frontCertificate,
  access,
  backendDirect,
  configDrift,
  envComplete,
  envPlaceholder,
  envDistinct,
  envPrivate,
  enginePrivate,
  secretExpiry,
];
