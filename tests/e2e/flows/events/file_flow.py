import json

import boto3
from metaflow import FlowSpec, Parameter, step, trigger


def send(name, **detail):
    """Send an event to the flows that wait for it."""
    entry = {"Source": "my.team", "DetailType": name, "Detail": json.dumps(detail)}
    [answer] = boto3.client("events").put_events(Entries=[entry])["Entries"]
    if "EventId" not in answer:
        raise RuntimeError(f"{name}: {answer['ErrorCode']}: {answer['ErrorMessage']}")


@trigger(event={"name": "file.arrived", "parameters": {"path": "key"}})
class FileFlow(FlowSpec):
    path = Parameter("path", required=True)

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        send("data.ready", text=self.path, count=5)


if __name__ == "__main__":
    FileFlow()
