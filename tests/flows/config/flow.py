"""Configs: from a file, from a value, parsed by a function, and used by a decorator."""

from metaflow import Config, FlowSpec, config_expr, environment, resources, step


def parse_table(text):
    return dict(line.split("=") for line in text.splitlines())


class ConfigFlow(FlowSpec):
    settings = Config("settings", default="settings.json")
    inline = Config("inline", default_value='{"depth": 2}')
    table = Config("table", default="table.txt", parser=parse_table)
    words = Config("words", default_value="one two", parser="parsers.count_words")

    @environment(vars={"MODEL": config_expr("settings.image")})
    @resources(memory=config_expr("int(table.memory)"))
    @step
    def start(self):
        print(self.settings.limit, self.inline.depth, self.words)
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    ConfigFlow()
