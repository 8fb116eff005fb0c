import type { Entry } from '../check.ts';

/** The post-mortems that fabric was made from. `docs/coverage.md` says which have checks. */
export const entries: readonly Entry[] = [
  {
    id: 'REX-33',
    title: 'A name resolves to the public address although the VPN’s records are deployed',
    concluded: '`override_local_dns: true` is mandatory.',
    holds:
      'One cause of many, and not the only remedy. Without it clients with split DNS (Windows, Linux with systemd-resolved) ask the tailnet’s resolver for names under base_domain and for split routes alone; a split route that covers the name works as well, and leaves their other names where they are. `yes` is a text, and silently false. ' +
      'The same symptom comes of a record that clients drop (CNAME, wildcards, a misspelled name), of an edit that Headscale has not read or cannot see from its container, of accept-dns or MagicDNS off, of userspace networking, of UDP that is dropped, of resolv.conf and /etc/hosts, of two links that race in systemd-resolved, of a stale cache, and of AAAA or HTTPS records that lead outside. ' +
      '100.100.100.100 answers its records in nearly all of these: only what applications get tells.',
    remedy:
      'fabric doctor dns: the first layer that diverges names the cause. For names outside base_domain a split route for each, or override_local_dns as a YAML boolean, and Headscale restarted: fabric deploy dns.',
    sources: [
      'the post-mortem of REX-33',
      'Headscale: hscontrol/types/config.go; issues 1206, 2899 and 3316',
      'measured: glibc, systemd-resolved 257 and dnsmasq 2.91 on lab hosts, each cause by getent and resolvectl',
    ],
    says: [
      /extra_records/i,
      /override_local_dns/i,
      /no upstream resolvers set, returning SERVFAIL/i,
      /dns\.nameservers\.global must be set/i,
    ],
  },
  {
    id: 'REX-34',
    title: 'With the VPN’s ACL on, sites are unreachable from the VPN and from the internet',
    concluded: 'HTTP/3 through Docker’s DNAT shows the bridge’s gateway as the client: admit 172.20.1.0/24.',
    holds:
      'Docker’s DNAT keeps the client’s IPv4 address, over HTTP/3 as over HTTP/1.1 and 2. What masked the VPN’s clients is Tailscale’s own SNAT (--snat-subnet-routes, on by default): with its rules before Docker’s, or in iptables’ other backend, every client of the VPN is the bridge’s gateway, over every protocol. Browsers speak HTTP/3, so it looked like QUIC. ' +
      'The remedy was a hole: the gateway is whoever is masked. With Docker as it comes that is everyone by IPv6 (docker-proxy), and everyone at all where the NAT rules are missing, a rule masquerades all, the container is rootless, or a program on the host passes connections on. The site then answered 200 to the internet, over every protocol. ' +
      'Masked over HTTP/3 alone is a flow that began while the rules stood otherwise. Turning HTTP/3 off helps nobody.',
    remedy:
      'Keep Tailscale from masking (tailscale set --snat-subnet-routes=false, or its mark taken off, in mangle’s POSTROUTING, on the way to Caddy’s network), or let Caddy use the host’s network. A rule that masquerades all: name its interface, or except Caddy’s network from it. `fabric fix REX-34` sets these exceptions itself. For IPv6: "userland-proxy": false, ports published on 0.0.0.0, or a network with IPv6 and the VPN’s IPv6 network in the ACL. Then take the bridge’s network out of the ACL, and see that `error` is not sorted after a `handle`.',
    sources: [
      'the post-mortem of REX-34',
      'Tailscale: util/linuxfw/iptables_runner.go, issues 10205 and 13754; moby: pull request 44742',
      'measured: Caddy 2.11.4 in Docker 20.10, 26.1 and 28.5, rootless Docker and podman, Tailscale’s rules above, below and in legacy; curl by IPv4 and IPv6 over HTTP/1.1, 2 and 3 (test/e2e/caddy.test.ts)',
    ],
    says: [/remote_ip/i, /172\.\d+\.\d+\.\d+.*(?:403|denied|forbidden)/i],
  },
  {
    id: 'REX-35',
    title: 'Caddy restarts in a loop, and its own log fills with failed lookups',
    concluded: 'The status code stood on the line after the heredoc’s closing marker.',
    holds:
      'Confirmed: it belongs on the line of the closing marker itself. Caddy says `<path>:<line>: unrecognized directive: 200`, ends with 1, and whoever restarts it does so for ever. A Caddy that runs goes on with what it read before, so the fault may wait for weeks. Heredocs need Caddy 2.7.0: an older one complains of a line of the text instead. ' +
      'The failed lookups are an echo: Caddy was restarted before Docker’s DNS was up.',
    remedy:
      'Put the status code behind the closing marker (`MARKER 200`), and run `caddy validate` before a reload; reload, rather than restart.',
    sources: [
      'the post-mortem of REX-35',
      'Caddy: caddyconfig/caddyfile/lexer.go',
      'measured: caddy adapt on ten heredocs, 2.6.2 and 2.11.4; a container that restarts for ever, mended by fabric fix REX-35',
    ],
    says: [/unrecognized directive: \d{3}/i, /lookup \S+.*i\/o timeout/i],
  },
  {
    id: 'REX-36',
    title: '1,488 calls of a paid model in 16 hours, one every 38 seconds, 11.64 $',
    concluded: 'LiteLLM pings every model by default; `router_settings.health_check_interval: 0` stops it.',
    holds:
      'LiteLLM pings nothing by default. Either something calls GET /health on a timer, and each call is one paid request to every model; or general_settings.background_health_checks is on, which shows no such call in the access log. ' +
      'Both count their pause from the end of a sweep: 30 seconds and a sweep of 8 are 38. The tag of the calls is the same for both. The fix never stopped any: until 1.80.11 it was dropped, then every request was a 500, and LiteLLM ≥ 1.81.3 does not start with it. ' +
      '0.0078 $ a call is a search model’s: 0.006 $ for the search, the rest for an answer that no max_tokens bounded (before 1.82; now it is at most 16 tokens).',
    remedy:
      'Ask /health/liveliness and /health/readiness, which call no model and need no key. Leave background_health_checks off, or give it an interval of an hour. Take health_check_interval out of router_settings before LiteLLM is updated.',
    sources: [
      'the post-mortem of REX-36',
      'LiteLLM: docs/proxy/health.md; proxy/proxy_server.py; proxy/health_check.py; litellm issues 13668, 19422 and 19441',
      'measured: LiteLLM 1.109.1 with a timer, a container’s health check and background checks, calls counted at the models; podman’s health timer (OnUnitInactiveSec)',
    ],
    says: [/litellm-internal-health-check/i, /is NOT a valid router_settings parameter/i, /health_check_interval/i, /"GET \/health HTTP/i],
  },
  {
    id: 'REX-37',
    title: 'OpenRouter refuses requests for want of credits that are there',
    concluded: 'OpenRouter reserves max_tokens: set 4096 on every OpenRouter model.',
    holds:
      'Right as a default: without max_tokens LiteLLM sends none, and the model’s whole output is reserved (64,000 tokens and more). It is no cap: a client’s own max_tokens wins, and is refused all the same. ' +
      '4096 helps where the credits pay for 4096; the refusal itself says how many they would pay for. A key with a limit of its own refuses in the same words.',
    remedy:
      'Give each OpenRouter model max_tokens (fabric.yaml: models[].max_tokens), and deploy; let clients that name their own name fewer; or buy credits, or raise the key’s limit.',
    sources: [
      'the post-mortem of REX-37',
      'LiteLLM: router.py merges litellm_params under the request’s own parameters',
      'can1357/oh-my-pi issue 9569 (64,000 and 65,536 tokens reserved), anomalyco/opencode issue 12219 (a key’s limit)',
      'measured: LiteLLM 1.109.1 in front of a server that refuses as OpenRouter does',
    ],
    says: [/fewer max_tokens/i, /requires more credits/i, /can only afford/i, /context overflow/i],
  },
  {
    id: 'REX-38',
    title: 'n8n logs ERR_ERL_UNEXPECTED_X_FORWARDED_FOR in a loop',
    concluded: '`N8N_PROXY_HOPS=1`.',
    holds:
      'Right for one proxy in front. The number must be that of the proxies that append to X-Forwarded-For: a Cloudflare tunnel is one (cloudflared adds nothing to what the edge wrote), a tunnel and nginx are two. ' +
      'With 0 everyone shares one limit; too high and a client writes his own address, and n8n logs nothing. The error comes once for each limit and start, and only with NODE_ENV=production, so a loop of it is a loop of restarts, and silence is no proof. ' +
      'What is no number counts as 0: podman and docker keep the quotes of an --env-file. Behind a Caddy or Traefik that trusts nobody the client is lost whatever the number.',
    remedy:
      'Declare n8n.proxies, set N8N_PROXY_HOPS to their number, and have n8n started anew: a container’s own restart keeps its environment.',
    sources: [
      'the post-mortem of REX-38',
      'n8n: packages/cli/src/abstract-server.ts; express-rate-limit: source/validations.ts; cloudflared: issue 1426',
      'measured: n8n 2.40.7 behind nginx; Express 5.1.0 with express-rate-limit 7.5.0 behind nginx and Caddy',
    ],
    says: [/ERR_ERL_UNEXPECTED_X_FORWARDED_FOR/i, /ERR_ERL_PERMISSIVE_TRUST_PROXY/i, /N8N_PROXY_HOPS/i],
  },
];
