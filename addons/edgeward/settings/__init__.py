"""The settings, from the file to the code that uses them.

setting_types   types of values that sections share: HOST:PORT, URLs, secrets
cache_settings  [[caches]]: one class per driver
config          every other section; `Config` is the whole
descriptions    the sentence under each setting, for documents and `edgeward config show`
loading         makes a `Config` of defaults, the TOML file and EDGEWARD_* variables
config_errors   the error for each wrong setting
value_errors    what is wrong with a value, in one sentence for each kind of error

A process loads its `Config` once, at its start, and gives each part the section that it needs.
"""
