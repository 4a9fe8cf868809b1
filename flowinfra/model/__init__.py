"""Pure data: the CompiledFlow contract and stack configuration. Of flowinfra it imports only `errors`."""
