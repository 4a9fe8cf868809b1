"""A value that shells and JSON like to change."""

HARD = 'it\'s "quoted" $(id) `id` $HOME \\n \\\\ ; && # * ~ 雪 é\nsecond\tline %s {x}'
