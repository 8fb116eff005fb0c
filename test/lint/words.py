"""The words that this LiteLLM knows, read off its own package, as JSON: what src/lint/words.ts holds."""
import json
import os
import re
import types

import litellm
from litellm.constants import ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG
from litellm.llms.openai_like.json_loader import JSONProviderRegistry
from litellm.proxy._types import ConfigGeneralSettings
from litellm.router_api import router_init_args
from litellm.types.router import LiteLLM_Params
from litellm.types.utils import all_litellm_params

HOME = os.path.dirname(litellm.__file__)


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def sources(*folders):
    return "\n".join(
        read(os.path.join(folder, name)) for top in folders for folder, _, names in os.walk(top) for name in names if name.endswith(".py")
    )


proxy = sources(f"{HOME}/proxy", f"{HOME}/../litellm_enterprise")
server = read(f"{HOME}/proxy/proxy_server.py")
loading = server[server.index("async def load_config(self, router") :][:40_000]
variables = {
    name
    for name in re.findall(r"^([a-z][a-z0-9_]*)\s*(?::[^=\n]+)?=", read(f"{HOME}/__init__.py"), re.M)
    if not isinstance(getattr(litellm, name, None), types.ModuleType | type) and not callable(getattr(litellm, name, None))
}
modules = {name for name, value in vars(litellm).items() if isinstance(value, types.ModuleType | type) or callable(value)}
words = {
    # What `config.get("…")` asks for; the last two are bodies of requests.
    "root": set(re.findall(r'\bconfig\.get\(\s*"(\w+)"', server)) - {"force_reload", "interval_hours"} | {"include"},
    "general": set(ConfigGeneralSettings.model_fields)
    | set(re.findall(r'general_settings(?:\.get\(\s*|\[)"(\w+)"', proxy))
    | set(re.findall(r'"(\w+)" in (?:\w+\.)?general_settings', proxy)),
    # Each is a variable of the module `litellm`, or asked for by name.
    "litellm": {name for name in {*variables, *vars(litellm)} if re.fullmatch("[a-z][a-z0-9_]*", name) and not name.endswith("_models") and name not in modules}
    | set(re.findall(r'litellm_settings(?:\.get\(\s*|\[)"(\w+)"', proxy))
    | set(re.findall(r'key == "(\w+)"', loading)),
    "router": set(router_init_args()) - ROUTER_SETTINGS_MANAGED_OUTSIDE_CONFIG,
    "params": set(LiteLLM_Params.model_fields)
    | set(all_litellm_params)
    | set(litellm.OPENAI_CHAT_COMPLETION_PARAMS)
    | {"base_url", "litellm_credential_name"},
    "providers": {getattr(one, "value", one) for one in litellm.provider_list} | set(JSONProviderRegistry.list_providers()),
    # How a name without a provider begins, where LiteLLM knows it: gpt-…, claude-….
    "names": {re.split(r"[-.:_@]", name)[0].lower() for name in litellm.model_cost if "/" not in name and name != "sample_spec"},
}
# Prices and inner names are many, and nobody mistypes them into config.yaml.
print(json.dumps({name: sorted(one for one in found if one and not one.startswith("_") and "cost" not in one) for name, found in words.items()}))
