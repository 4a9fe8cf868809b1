"""Pure data: the CompiledFlow contract and stack configuration. Imports nothing of ours but errors."""
