/** The targets that a runbook names. A command that this fabric has not is said to be missing, by asking fabric itself. */
export const MAKEFILE = `# What a runbook calls, by fabric. \`make\` lists it. More flags: make deploy-litellm ARGS=--yes
FABRIC ?= fabric
ARGS ?=
# Not every version of fabric has every command.
has = @$(FABRIC) --help | grep -q '^  $(1)[ |]' || { echo "this fabric has no command '$(1)': fabric --help lists what it has" >&2; exit 2; }

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

secrets-sync: ## fabric secrets sync, where this fabric has it
	$(call has,secrets)
	@$(FABRIC) secrets sync $(ARGS)
`;
