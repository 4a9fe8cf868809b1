"""What @batch knows beyond CPU and memory."""

from metaflow import FlowSpec, batch, step


class BatchFlow(FlowSpec):
    @batch(
        gpu=2, image="example.com/team/train:1.2", queue="gpu-queue", shared_memory=1024, max_swap=2048, swappiness=10
    )
    @step
    def start(self):
        self.next(self.volumes)

    @batch(host_volumes=["/mnt/data", "/scratch:/tmp/scratch"], efs_volumes=["fs-1234", "fs-5678:/mnt/models"])
    @step
    def volumes(self):
        self.next(self.temporary)

    @batch(use_tmpfs=True, tmpfs_size=4096, tmpfs_path="/mnt/tmp", tmpfs_tempdir=False)
    @step
    def temporary(self):
        self.next(self.devices)

    @batch(inferentia=1, efa=1)
    @step
    def devices(self):
        self.next(self.logged)

    @batch(
        privileged=True,
        log_driver="awslogs",
        log_options=["awslogs-group:/batch/own"],
        aws_batch_tags={"cost": "research"},
        iam_role="arn:aws:iam::123456789012:role/own-job-role",
    )
    @step
    def logged(self):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    BatchFlow()
