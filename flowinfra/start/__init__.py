"""`flowinfra init`: a repository of flows becomes a Pulumi project, by what its code and Metaflow's settings say."""
