"""The gate for `mitmdump -s edgeward_addon.py`; settings from EDGEWARD_CONFIG. In production use `edgeward run`."""

from edgeward.proxy.addon import EdgewardAddon

addons = [EdgewardAddon()]
