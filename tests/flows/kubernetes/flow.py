"""What @kubernetes knows beyond CPU and memory."""

from metaflow import FlowSpec, kubernetes, step


class KubernetesFlow(FlowSpec):
    @kubernetes(
        gpu=2,
        gpu_vendor="amd",
        image="example.com/team/train:1.2",
        image_pull_policy="Always",
        image_pull_secrets=["registry"],
        disk=20480,
        qos="Guaranteed",
    )
    @step
    def start(self):
        self.next(self.placed)

    @kubernetes(
        node_selector={"pool": "big"},
        tolerations=[{"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}],
        labels={"team": "risk"},
        annotations={"note": "it's small"},
        service_account="own-account",
    )
    @step
    def placed(self):
        self.next(self.mounted)

    @kubernetes(
        persistent_volume_claims={"models": "/mnt/models"},
        shared_memory=1024,
        use_tmpfs=True,
        tmpfs_size=4096,
        tmpfs_path="/mnt/tmp",
        tmpfs_tempdir=False,
    )
    @step
    def mounted(self):
        self.next(self.end)

    @kubernetes(
        secrets=["database", "api"],
        port=8080,
        extended_resources={"example.com/device": "1"},
        security_context={"run_as_non_root": True, "run_as_user": 1000, "capabilities": {"drop": ["ALL"]}},
    )
    @step
    def end(self):
        pass


if __name__ == "__main__":
    KubernetesFlow()
