"""Secrets by reference."""

from metaflow import FlowSpec, secrets, step


class SecretsFlow(FlowSpec):
    @secrets(
        sources=[
            "aws-secrets-manager.database-login",
            {"type": "aws-secrets-manager", "id": "api-key", "options": {"region": "eu-west-1"}},
            {"type": "aws-secrets-manager", "id": "ledger", "role": "arn:aws:iam::210987654321:role/ledger-reader"},
            "gcp-secret-manager.projects/7/secrets/map",
        ]
    )
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    SecretsFlow()
