"""Flow file + options → CompiledFlow, by recording Metaflow's own command in a child process."""
