/** The targets that a runbook names. */
export const MAKEFILE = `# What a runbook calls, by fabric. \`make\` lists it. More flags: make deploy-litellm ARGS=--yes
FABRIC ?= fabric
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help deploy-litellm validate-litellm doctor secrets-sync

help: ## this list
	@awk -F ': ## ' '/^[a-z-]+: ## / { printf "%-18s %s\\n", $$1, $$2 }' $(lastword $(MAKEFILE_LIST))

deploy-litellm: ## show the plan, ask, make the host as fabric.yaml declares (ARGS=--dry-run shows it only)
	@$(FABRIC) deploy litellm $(ARGS)

validate-litellm: ## is it as declared? changes nothing
	@$(FABRIC) validate $(ARGS)

doctor: ## what is wrong, and why? changes nothing
	@$(FABRIC) doctor $(ARGS)

secrets-sync: ## show which names change, ask, put what the stores hold into .env, restart LiteLLM where that changed something
	@$(FABRIC) secrets sync $(ARGS)
`;
