"""Secrets by reference."""

from metaflow import FlowSpec, secrets, step


class SecretsFlow(FlowSpec):
    @secrets(sources=["database-login", {"type": "aws-secrets-manager", "id": "api-key"}])
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SecretsFlow()
