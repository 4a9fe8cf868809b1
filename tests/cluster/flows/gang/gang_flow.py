import socket
import time

from metaflow import FlowSpec, current, parallel, retry, step

PORT = 29500


class GangFlow(FlowSpec):
    """A step on two nodes at once, of which the second fails, and then calls the first one."""

    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @retry(times=1, minutes_between_retries=0)
    @parallel
    @step
    def train(self):
        self.node = current.parallel.node_index
        self.attempt = current.retry_count
        if (self.node, self.attempt) == (1, 0):
            raise ValueError("the first attempt fails")
        self.heard = self.listen() if self.node == 0 else self.call()
        self.next(self.join)

    def listen(self):
        with socket.create_server((current.parallel.main_ip, PORT)) as server:
            caller, _ = server.accept()
            with caller:
                caller.sendall(b"%d" % self.node)
                return int(caller.recv(16))

    def call(self):
        while True:
            try:
                with socket.create_connection((current.parallel.main_ip, PORT)) as first:
                    first.sendall(b"%d" % self.node)
                    return int(first.recv(16))
            except ConnectionRefusedError:
                time.sleep(0.2)

    @step
    def join(self, inputs):
        self.nodes = {one.node: [one.attempt, one.heard] for one in inputs}
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    GangFlow()
