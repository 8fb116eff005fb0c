# make demo   the tour in half a minute, with Node and make alone: a simulated homelab, deployed, broken by incidents, mended
# make test   the tests that need no root: two to four minutes on an idle machine
# make e2e    the tests on real hosts (root, Debian): a dozen minutes once the lab’s base is built
# make e2e-caddy     Docker, Caddy and curl on a lab host, in every state of docs/caddy.md (root, Debian): six minutes
# make e2e-tailnet   names on a real Headscale with real Tailscale clients (root, Debian, Go): four minutes, and two or three to build these once
# make e2e-all   these three side by side, half the time of one after the other: twelve to twenty-five minutes by machine
# make e2e-ci    of the first two what is not tagged `thorough`, side by side: as much as CI has time for in twenty minutes
# make lab-demo   the main job on a real host in a lab on this machine, with the real LiteLLM (root, Debian)
# make lint   formatter, linter, types
# make fixtures   breaks a lab host in every known way and records what each check sees, and what each probe says (root, Debian)
# make bench  the figures of bench/README.md, measured (root, Debian): a quarter of an hour on an idle machine

.PHONY: demo lab-demo test e2e e2e-caddy e2e-tailnet e2e-all e2e-ci lint fixtures bench build lab stores caddy tailnet
SOURCES := $(shell find src test/demo -name '*.ts') build.js package.json tsconfig.types.json

demo: dist/main.js
	@node dist/demo/main.js

lab-demo: dist/main.js
	@test/lab/demo.sh

test: dist/main.js
	npx vitest run --project unit $(VITEST)

e2e: dist/main.js lab
	npx vitest run --project e2e $(VITEST)

e2e-caddy: dist/main.js caddy
	npx vitest run --project e2e-caddy $(VITEST)

e2e-tailnet: dist/main.js lab tailnet
	npx vitest run --project e2e-tailnet $(VITEST)

e2e-all: dist/main.js caddy tailnet
	npx vitest run --project 'e2e*' --maxWorkers 4 $(VITEST)

e2e-ci: dist/main.js caddy
	npx vitest run --project e2e --project e2e-caddy --tags-filter '!thorough' --maxWorkers 4 $(VITEST)

fixtures: dist/main.js caddy
	rm -rf fixtures
	FABRIC_FIXTURES=1 npx vitest run --project e2e test/e2e/breakages test/e2e/vantages.test.ts test/e2e/probe-contract.test.ts test/e2e/n8n.test.ts test/e2e/dns.test.ts test/e2e/secrets.test.ts
	FABRIC_FIXTURES=1 npx vitest run --project e2e-caddy test/e2e/caddy-fixtures.test.ts
	npm run --silent derived

bench: dist/main.js
	@bench/run.sh

lint: node_modules/.package-lock.json
	npx biome check --error-on-warnings .
	npx tsc

build: dist/main.js
dist/main.js: node_modules/.package-lock.json $(SOURCES)
	@npm run --silent build

node_modules/.package-lock.json: package-lock.json
	npm ci --no-fund --no-audit

lab:
	@test/lab/build.sh

stores:
	@test/stores/build.sh

caddy: lab
	@test/caddy/build.sh

tailnet:
	@test/tailnet/build.sh
